// Loads one program of an object by libbpf, as bpftool would if it could leave the others out.
//
// usage: single OBJECT             prints the names of the programs
//        single OBJECT PROGRAM PIN loads that one alone, and pins it
//
// For scripts/qemu-arm64/parity, which links it statically with Debian's arm64 libbpf.

#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

int main(int count, char **words)
{
	struct bpf_program *program, *wanted = NULL;
	struct bpf_object *object;

	if (count != 2 && count != 4)
		return fprintf(stderr, "usage: single OBJECT [PROGRAM PIN]\n"), 2;
	object = bpf_object__open_file(words[1], NULL);
	if (!object)
		return 1;
	bpf_object__for_each_program(program, object) {
		if (count == 2) {
			puts(bpf_program__name(program));
			continue;
		}
		if (!strcmp(bpf_program__name(program), words[2]))
			wanted = program;
		bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), words[2]));
	}
	if (count == 2)
		return 0;
	if (!wanted)
		return fprintf(stderr, "no program %s\n", words[2]), 1;
	return bpf_object__load(object) || bpf_program__pin(wanted, words[3]);
}
