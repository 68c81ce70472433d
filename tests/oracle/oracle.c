// Says what libbpf makes of an object on a kernel whose BTF is in a file, without a kernel:
// every program's instructions as libbpf would send them, those in `?` sections too.
//
// usage: oracle [--log] [--kallsyms FILE] [--kconfig FILE] BTF OBJECT
//        oracle --prove
//
// The output is that of `btfly check --insns`; --log adds libbpf's own messages to stderr.
//
// No bpf(2) call can leave this program. It is linked statically with `--wrap=syscall`, so that
// libbpf's calls end in __wrap_syscall below, which hands out descriptors of empty memory files; and
// before anything else it takes the right to call bpf(2) from itself (seccomp), which --prove shows.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

// What libbpf leaves where something is missing: a call of a helper that no kernel has.
enum { POISON_CORE = 195896080, POISON_MAP = 2001000000, POISON_KFUNC = 2002000000, POISONS = 1000000 };

static const char *btf_path, *kallsyms_path = "/dev/null", *kconfig_path = "/dev/null";
static int with_log;
static char cause[512];

// ------------------------------------------------------------------ the kernel that is not there

static void forbid_bpf(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = COUNT(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("oracle: seccomp");
		exit(3);
	}
}

// Programs as they were sent.
struct sent {
	char name[BPF_OBJ_NAME_LEN + 1];
	struct bpf_insn *insns;
	size_t count;
	struct bpf_func_info *functions;
	size_t functions_count;
};
static struct sent *sent;
static size_t sent_count;

static void *keep(__u64 from, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, (const void *)(unsigned long)from, size);
	return copy;
}

static void remember(const union bpf_attr *attr)
{
	struct sent *new = realloc(sent, (sent_count + 1) * sizeof *sent);

	if (!new)
		abort();
	sent = new;
	new += sent_count++;
	memset(new, 0, sizeof *new);
	memcpy(new->name, attr->prog_name, BPF_OBJ_NAME_LEN);
	new->count = attr->insn_cnt;
	new->insns = keep(attr->insns, attr->insn_cnt * sizeof *new->insns);
	if (attr->func_info && attr->func_info_rec_size == sizeof *new->functions) {
		new->functions_count = attr->func_info_cnt;
		new->functions = keep(attr->func_info, attr->func_info_cnt * sizeof *new->functions);
	}
}

long __real_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	va_list arguments;
	const union bpf_attr *attr;
	int command;

	if (number != __NR_bpf) {
		fprintf(stderr, "oracle: libbpf made system call %ld\n", number);
		abort();
	}
	va_start(arguments, number);
	command = va_arg(arguments, int);
	attr = va_arg(arguments, const union bpf_attr *);
	va_end(arguments);
	switch (command) {
	case BPF_PROG_LOAD:
		remember(attr);
		return memfd_create("program", MFD_CLOEXEC);
	case BPF_MAP_CREATE:
		return memfd_create("map", MFD_CLOEXEC);
	case BPF_BTF_LOAD:
		return memfd_create("btf", MFD_CLOEXEC);
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
		return 0;
	case BPF_BTF_GET_NEXT_ID:
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
		errno = ENOENT;
		return -1;
	default:
		errno = EINVAL;
		return -1;
	}
}

// What libbpf would read off the running kernel comes from the files that were named.

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	return btf__parse(btf_path, NULL);
}

FILE *__real_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	return __real_fopen64(strcmp(path, "/proc/kallsyms") ? path : kallsyms_path, mode);
}

// The first name is /boot/config-RELEASE.
struct gzFile_s *__real_gzopen64(const char *path, const char *mode);

struct gzFile_s *__wrap_gzopen64(const char *path, const char *mode)
{
	(void)path;
	return __real_gzopen64(kconfig_path, mode);
}

// ------------------------------------------------------------------ the output

static const char *map_name(struct bpf_object *object, int fd)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);

		if (bpf_map__fd(map) == fd)
			// libbpf puts the object's name before that of the section.
			return bpf_map__is_internal(map) && strchr(name, '.') ? strchr(name, '.') : name;
	}
	return "?";
}

static const char *function_at(const struct btf *btf, const struct sent *program, size_t insn)
{
	for (size_t i = 0; i < program->functions_count; i++) {
		const struct bpf_func_info *function = &program->functions[i];
		const struct btf_type *type;

		if (function->insn_off != insn)
			continue;
		type = btf__type_by_id(btf, function->type_id);
		return type ? btf__name_by_offset(btf, type->name_off) : "?";
	}
	return NULL;
}

static void print_slot(struct bpf_insn insn)
{
	const unsigned char *byte = (const unsigned char *)&insn;

	for (size_t i = 0; i < sizeof insn; i++)
		printf("%02x", byte[i]);
}

static void print_program(struct bpf_object *object, const char *name, const struct sent *program)
{
	const struct btf *btf = bpf_object__btf(object);
	int second = 0; // of a 16-byte load: 1, one whose immediate is the kernel's: 2

	printf("prog %s %zu\n", name, program->count);
	for (size_t i = 0; i < program->count; i++) {
		const char *function = function_at(btf, program, i);
		struct bpf_insn insn = program->insns[i];
		size_t target = i + 1 + insn.imm;
		char note[256] = "";
		int half = second;

		second = 0;
		if (function || i == 0)
			printf("fn %s\n", function ? function : name);
		if (half) {
			if (half == 2)
				insn.imm = 0;
		} else if (insn.code == (BPF_LD | BPF_IMM | BPF_DW)) {
			second = 1;
			switch (insn.src_reg) {
			case BPF_PSEUDO_MAP_FD:
			case BPF_PSEUDO_MAP_VALUE:
				snprintf(note, sizeof note, " map=%s", map_name(object, insn.imm));
				insn.imm = 0;
				break;
			case BPF_PSEUDO_BTF_ID:
				snprintf(note, sizeof note, " btfid");
				second = 2;
				break;
			case BPF_PSEUDO_FUNC:
				function = function_at(btf, program, target);
				snprintf(note, sizeof note, " func=%s", function ? function : "?");
				break;
			}
		} else if (insn.code == (BPF_JMP | BPF_CALL)) {
			if (insn.src_reg == BPF_PSEUDO_CALL) {
				function = function_at(btf, program, target);
				snprintf(note, sizeof note, " call=%s", function ? function : "?");
			} else if (insn.src_reg == BPF_PSEUDO_KFUNC_CALL) {
				snprintf(note, sizeof note, " kfunc");
			} else if (insn.imm == POISON_CORE) {
				snprintf(note, sizeof note, " poison=core");
			} else if (insn.imm >= POISON_MAP && insn.imm < POISON_MAP + POISONS) {
				snprintf(note, sizeof note, " poison=map");
			} else if (insn.imm >= POISON_KFUNC && insn.imm < POISON_KFUNC + POISONS) {
				snprintf(note, sizeof note, " poison=kfunc");
			}
		}
		print_slot(insn);
		puts(note);
	}
	puts("end");
}

// The instructions that were sent for a program: those that libbpf says it has, found again.
static const struct sent *find(struct bpf_program *program, size_t from)
{
	size_t count = bpf_program__insn_cnt(program);

	for (size_t i = from; i < sent_count; i++)
		if (sent[i].count == count && sent[i].name[0] &&
		    !strncmp(sent[i].name, bpf_program__name(program), BPF_OBJ_NAME_LEN - 1) &&
		    !memcmp(sent[i].insns, bpf_program__insns(program), count * sizeof(struct bpf_insn)))
			return &sent[i];
	return NULL;
}

static int print_object(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "o", .btf_custom_path = btf_path);
	struct bpf_object *object = bpf_object__open_file(path, &options);
	struct bpf_program *program;
	size_t from = 0;

	if (!object)
		return printf("object fail %s\n", cause), 1;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, true);
	if (bpf_object__load(object))
		return printf("object fail %s\n", cause), 1;
	bpf_object__for_each_program(program, object) {
		const struct sent *found = find(program, from);

		if (!found) {
			fprintf(stderr, "oracle: %s was not sent\n", bpf_program__name(program));
			return 3;
		}
		from = found - sent + 1;
		print_program(object, bpf_program__name(program), found);
	}
	puts("object ok");
	return 0;
}

// ------------------------------------------------------------------ the rest

static int print_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	// The first warning tells the cause, and those that follow what came of it.
	if (level == LIBBPF_WARN && !cause[0]) {
		va_list again;

		va_copy(again, arguments);
		vsnprintf(cause, sizeof cause, format, again);
		va_end(again);
		cause[strcspn(cause, "\n")] = 0;
	}
	return with_log ? vfprintf(stderr, format, arguments) : 0;
}

// A program of these kinds is looked up in the running kernel when it is loaded, and an object fails if
// the kernel has no such function. This says nothing of instructions, so the lookup is left out.
static void register_sections(void)
{
	static const char *const sections[] = {
		"tp_btf+", "fentry+", "fexit+", "fmod_ret+", "fentry.s+", "fexit.s+", "fmod_ret.s+",
		"freplace+", "lsm+", "lsm.s+", "lsm_cgroup+", "iter+", "iter.s+",
		// Newer than Debian 12's libbpf.
		"uprobe.multi+", "uretprobe.multi+", "uprobe.session+", "kprobe.session+", "fsession+",
		"tc/ingress", "tcx/egress", "netkit/primary", "netfilter", "cgroup/connect_unix",
	};

	for (size_t i = 0; i < COUNT(sections); i++)
		if (libbpf_register_prog_handler(sections[i], BPF_PROG_TYPE_TRACING, 0, NULL) < 0) {
			fprintf(stderr, "oracle: no handler for %s\n", sections[i]);
			exit(3);
		}
}

// Makes a bpf call as libc does, of a command that no kernel has, and says what it came to.
static int prove(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		__real_syscall(__NR_bpf, -1, NULL, 0);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 3;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		return puts("a bpf call left the program"), 1;
	return puts("a bpf call ends the program"), 0;
}

int main(int count, char **words)
{
	int at = 1;

	forbid_bpf();
	libbpf_set_print(print_log);
	for (; at < count && !strncmp(words[at], "--", 2); at++) {
		if (!strcmp(words[at], "--prove"))
			return prove();
		else if (!strcmp(words[at], "--log"))
			with_log = 1;
		else if (!strcmp(words[at], "--kallsyms") && at + 1 < count)
			kallsyms_path = words[++at];
		else if (!strcmp(words[at], "--kconfig") && at + 1 < count)
			kconfig_path = words[++at];
		else
			break;
	}
	if (count - at != 2) {
		fprintf(stderr, "usage: oracle [--log] [--kallsyms FILE] [--kconfig FILE] BTF OBJECT\n");
		return 2;
	}
	btf_path = words[at];
	register_sections();
	return print_object(words[at + 1]);
}
