// Measures what it costs to read 200,000 records of a ring, for scripts/qemu-arm64/bench-events.
//
// usage: events read perf|ring                      reads by libbpf until SIGINT, and says how many
//        events send HOW COUNT EVERY -- COMMAND...  starts the command, waits until it has printed something,
//            sends records by bpf/tests/rings.bpf.c, EVERY in each system call, ends the command by SIGINT,
//            and prints what it took in between: nanoseconds of CPU, sleeps, and what it said last
//
// HOW is that of rings.bpf.c: 0 for the perf ring, 2 for the BPF ring.

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#define OPTION 0x62746672
#define OUTPUT "/tmp/events"
#define PAGES 64

static volatile sig_atomic_t stop;
static unsigned long received, lost;

static void on_interrupt(int signal) { (void)signal; stop = 1; }
static void on_sample(void *context, int cpu, void *data, __u32 size) { (void)context, (void)cpu, (void)data, (void)size; received++; }
static void on_lost(void *context, int cpu, __u64 count) { (void)context, (void)cpu; lost += count; }
static int on_record(void *context, void *data, size_t size) { (void)context, (void)data, (void)size; received++; return 0; }

static int consume(const char *which)
{
	struct bpf_object *object = bpf_object__open_file("rings.bpf.o", NULL);
	struct bpf_program *program;
	struct perf_buffer *perf = NULL;
	struct ring_buffer *ring = NULL;
	int map;

	if (!object || bpf_object__load(object))
		return 1;
	program = bpf_object__find_program_by_name(object, "send");
	if (!program || !bpf_program__attach(program))
		return 1;
	map = bpf_object__find_map_fd_by_name(object, which);
	if (!strcmp(which, "perf"))
		perf = perf_buffer__new(map, PAGES, on_sample, on_lost, NULL, NULL);
	else
		ring = ring_buffer__new(map, on_record, NULL, NULL);
	if (!perf && !ring)
		return 1;
	signal(SIGINT, on_interrupt);
	puts("ready");
	fflush(stdout);
	while (!stop) {
		if (perf)
			perf_buffer__poll(perf, 100);
		else
			ring_buffer__poll(ring, 100);
	}
	printf("%s %lu lost %lu\n", which, received, lost);
	return 0;
}

static unsigned long number(pid_t pid, const char *file, const char *name)
{
	char path[64], line[256];
	unsigned long value = 0;
	FILE *text;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	text = fopen(path, "r");
	while (text && fgets(line, sizeof(line), text))
		if (!strncmp(line, name, strlen(name)))
			value = strtoul(line + strlen(name), NULL, 10);
	if (text)
		fclose(text);
	return value;
}

static void pause_ms(long ms)
{
	struct timespec time = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static int measure(char **words)
{
	long how = atol(words[0]), count = atol(words[1]), every = atol(words[2]);
	unsigned long cpu, sleeps, took;
	struct timespec from, to;
	char line[256], last[256] = "";
	FILE *output;
	pid_t pid;
	int status;

	unlink(OUTPUT);
	pid = fork();
	if (!pid) {
		dup2(open(OUTPUT, O_CREAT | O_WRONLY, 0600), 1);
		execvp(words[4], words + 4);
		_exit(127);
	}
	for (int i = 0; i < 100 && (access(OUTPUT, F_OK) || !(output = fopen(OUTPUT, "r")) || !fgets(line, sizeof(line), output)); i++)
		pause_ms(20);
	pause_ms(1000);
	cpu = number(pid, "schedstat", "");
	sleeps = number(pid, "status", "voluntary_ctxt_switches:");
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long sent = 0; sent < count; sent += every)
		syscall(SYS_prctl, OPTION, how, 64, every, 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	pause_ms(500);
	cpu = number(pid, "schedstat", "") - cpu;
	sleeps = number(pid, "status", "voluntary_ctxt_switches:") - sleeps;
	kill(pid, SIGINT);
	waitpid(pid, &status, 0);
	took = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	output = fopen(OUTPUT, "r");
	while (output && fgets(line, sizeof(line), output))
		if (strncmp(line, how ? "perf" : "ring", 4))
			strcpy(last, line);
	printf("cpu_us=%lu sleeps=%lu sent_us=%lu %s", cpu / 1000, sleeps, took, last);
	return status != 0;
}

int main(int count, char **words)
{
	if (count == 3 && !strcmp(words[1], "read"))
		return consume(words[2]);
	if (count > 6 && !strcmp(words[1], "send"))
		return measure(words + 2);
	return fprintf(stderr, "usage: events read perf|ring, events send HOW COUNT EVERY -- COMMAND...\n"), 2;
}
