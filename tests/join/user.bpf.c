/* Uses what definer.bpf.c defines: functions, variables, a map; has static ones of the same names. */
#include "join.h"

extern int counter;
extern const int limit;
extern u64 add(u64 a, u64 b);
extern struct shared shared SEC(".maps");

static struct {
	int (*type)[1];
	int (*max_entries)[8];
	u32 *key;
	u64 *value;
} own SEC(".maps");

static volatile int local = 3;
static volatile const char text[] = "user";

__attribute__((weak)) int chosen(int x)
{
	return x + 1;
}

__attribute__((weak)) int fallback(int x)
{
	return x * 3;
}

SEC("raw_tp/sys_enter")
int first(void *ctx)
{
	u32 key = 0;
	u64 *mine = lookup(&own, &key);
	struct value *theirs = lookup(&shared, &key);

	local++;
	counter += limit + chosen(local) + fallback(local) + text[local & 3];
	if (theirs)
		theirs->a++;
	return add(counter, mine ? *mine : 0);
}

SEC("tp/sched/sched_switch")
int both(void *ctx)
{
	return add(1, local);
}

char LICENSE[] SEC("license") = "GPL";
