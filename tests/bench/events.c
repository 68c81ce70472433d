// Measures what it costs to read the records of a ring, for scripts/qemu-arm64/bench-events.
//
// usage: events read perf|ring [age]                reads by libbpf until SIGINT, and says how many and how many
//            were lost; with "age" how old the oldest was in milliseconds, too
//        events send HOW COUNT EVERY -- COMMAND...  starts the command, waits until it has printed something,
//            sends records by bpf/tests/rings.bpf.c, EVERY in each system call, ends the command by SIGINT,
//            and prints what it took in between: microseconds of CPU, sleeps, and what it said at its end
//        events age FILE                            how old the oldest record was that a line of JSON has, when
//            it was shown, in milliseconds
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
#define ERRORS "/tmp/errors"
#define PAGES 64

static volatile sig_atomic_t stop;
static unsigned long received, lost;
static int ages;
static unsigned long long oldest;

static unsigned long long now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void on_interrupt(int signal) { (void)signal; stop = 1; }

static void took(const void *data)
{
	received++;
	if (ages) {
		unsigned long long sent, age;

		memcpy(&sent, data, sizeof(sent));
		age = now(CLOCK_MONOTONIC) - sent;
		if (age > oldest)
			oldest = age;
	}
}

static void on_sample(void *context, int cpu, void *data, __u32 size) { (void)context, (void)cpu, (void)size; took(data); }
static void on_lost(void *context, int cpu, __u64 count) { (void)context, (void)cpu; lost += count; }
static int on_record(void *context, void *data, size_t size) { (void)context, (void)size; took(data); return 0; }

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
	printf("%s %lu lost %lu", which, received, lost);
	if (ages)
		printf(" oldest %.1f ms", oldest / 1e6);
	puts("");
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

static void redirect(const char *path, int to)
{
	unlink(path);
	dup2(open(path, O_CREAT | O_WRONLY, 0600), to);
}

static int measure(char **words)
{
	long how = atol(words[0]), count = atol(words[1]), every = atol(words[2]);
	unsigned long cpu, sleeps;
	unsigned long long from, to;
	char line[1024], last[1024] = "\n", missed[1024] = "";
	FILE *output;
	pid_t pid;
	int status;

	unlink(OUTPUT);
	pid = fork();
	if (!pid) {
		redirect(OUTPUT, 1);
		redirect(ERRORS, 2);
		execvp(words[4], words + 4);
		_exit(127);
	}
	// Forms without a header are silent until the first record.
	for (int i = 0; i < 100 && (access(OUTPUT, F_OK) || !(output = fopen(OUTPUT, "r")) || !fgets(line, sizeof(line), output)); i++)
		pause_ms(20);
	pause_ms(1000);
	cpu = number(pid, "schedstat", "");
	sleeps = number(pid, "status", "voluntary_ctxt_switches:");
	from = now(CLOCK_MONOTONIC);
	for (long sent = 0; sent < count; sent += every)
		syscall(SYS_prctl, OPTION, how, 64, every, 0);
	to = now(CLOCK_MONOTONIC);
	pause_ms(500);
	cpu = number(pid, "schedstat", "") - cpu;
	sleeps = number(pid, "status", "voluntary_ctxt_switches:") - sleeps;
	kill(pid, SIGINT);
	waitpid(pid, &status, 0);
	output = fopen(OUTPUT, "r");
	while (output && fgets(line, sizeof(line), output))
		if (strncmp(line, how ? "perf" : "ring", 4))
			strcpy(last, line);
	output = fopen(ERRORS, "r");
	while (output && fgets(line, sizeof(line), output))
		if (!strncmp(line, "lost ", 5) && strstr(line, " in all"))
			strcpy(missed, line);
	last[strcspn(last, "\n")] = missed[strcspn(missed, "\n")] = 0;
	if (last[0] == '{' || strlen(last) > 60)
		last[0] = 0;
	printf("cpu_us=%lu sleeps=%lu sent_us=%llu %s %s\n", cpu / 1000, sleeps, (to - from) / 1000, last, missed);
	return status != 0;
}

// The time of a line is of the day, that of its record since the start of the machine.
static int show_age(const char *path)
{
	unsigned long long offset = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC), day = 86400000000000ULL;
	unsigned long lines = 0;
	char line[1024];
	FILE *output = fopen(path, "r");

	while (output && fgets(line, sizeof(line), output)) {
		int hours, minutes;
		double seconds;
		unsigned long long shown, sent, age;
		char *time = strstr(line, "\"time\":\""), *record = strstr(line, "\"time_ns\":");

		if (!time || !record || !(time = strchr(time, 'T')) || sscanf(time, "T%d:%d:%lf", &hours, &minutes, &seconds) != 3)
			continue;
		shown = (hours * 60 + minutes) * 60000000000ULL + (unsigned long long)(seconds * 1e9);
		sent = (strtoull(record + 10, NULL, 10) + offset) % day;
		age = (shown + day - sent) % day;
		lines++;
		if (age < day / 2 && age > oldest)
			oldest = age;
	}
	printf("%lu lines oldest %.1f ms\n", lines, oldest / 1e6);
	return 0;
}

int main(int count, char **words)
{
	ages = count == 4 && !strcmp(words[3], "age");
	if ((count == 3 || ages) && !strcmp(words[1], "read"))
		return consume(words[2]);
	if (count == 3 && !strcmp(words[1], "age"))
		return show_age(words[2]);
	if (count > 6 && !strcmp(words[1], "send"))
		return measure(words + 2);
	return fprintf(stderr, "usage: events read perf|ring [age], events send HOW COUNT EVERY -- COMMAND..., events age FILE\n"), 2;
}
