/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What only the kernel has: its configuration, and its symbols with a type and without. */
#include "types.h"

char LICENSE[] SEC("license") = "GPL";

extern int LINUX_KERNEL_VERSION __kconfig;
extern unsigned long CONFIG_HZ __kconfig;
extern _Bool CONFIG_BPF __kconfig;
extern enum libbpf_tristate CONFIG_MODULE __kconfig;
extern char CONFIG_NAME[16] __kconfig;
extern char CONFIG_LETTER __kconfig;
extern short CONFIG_NEGATIVE __kconfig;
extern int CONFIG_NOT_SET __kconfig __weak;

extern const void _text __ksym;
extern const void absent_symbol __ksym __weak;

struct rq {
	int cpu;
};
extern const struct rq runqueues __ksym;
extern const struct rq absent_variable __ksym __weak;

SEC("raw_tp/config")
int config(void *ctx)
{
	long sum = LINUX_KERNEL_VERSION + CONFIG_HZ + CONFIG_LETTER + CONFIG_NEGATIVE;

	if (CONFIG_BPF && CONFIG_MODULE == TRI_MODULE)
		sum += CONFIG_NAME[3];
	return sum + CONFIG_NOT_SET;
}

SEC("raw_tp/symbols")
long symbols(void *ctx)
{
	long sum = (long)&_text;

	if (&absent_symbol)
		sum += (long)&absent_symbol;
	if (&absent_variable)
		sum++;
	return sum + (long)bpf_per_cpu_ptr(&runqueues, 0);
}
