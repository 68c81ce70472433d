/* Defines what user.bpf.c uses. */
#include "join.h"

int counter;
const int limit = 7;
struct shared shared SEC(".maps");

static struct {
	int (*type)[1];
	int (*max_entries)[8];
	u32 *key;
	u32 *value;
} own SEC(".maps");

static volatile int local = 5;
static volatile const char text[] = "definer";

__attribute__((noinline)) static int helper(int x)
{
	return x + local + text[x & 7];
}

__attribute__((noinline)) u64 add(u64 a, u64 b)
{
	local++;
	return a + b + helper(local);
}

__attribute__((noinline)) int chosen(int x)
{
	return x + 2;
}

SEC("raw_tp/sys_exit")
int second(void *ctx)
{
	u32 key = 0;
	u32 *mine = lookup(&own, &key);

	return (mine ? *mine : 0) + helper(key);
}

SEC("tp/sched/sched_switch")
int also(void *ctx)
{
	return helper(2);
}

char LICENSE[] SEC("license") = "GPL";
