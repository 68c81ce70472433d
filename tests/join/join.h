/* What both objects know. */
#define SEC(name) __attribute__((section(name)))

typedef unsigned int u32;
typedef unsigned long long u64;

struct value {
	int a;
};

struct shared {
	int (*type)[1];
	int (*max_entries)[8];
	u32 *key;
	struct value *value;
};

static void *(*lookup)(void *map, const void *key) = (void *)1;
