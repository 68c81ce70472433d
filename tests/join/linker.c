/* What libbpf's own linker makes of some objects: linker OUT IN… */
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct bpf_linker *linker;

	if (argc < 3 || !(linker = bpf_linker__new(argv[1], NULL)))
		return 2;
	for (int i = 2; i < argc; i++)
		if (bpf_linker__add_file(linker, argv[i], NULL))
			return 1;
	if (bpf_linker__finalize(linker))
		return 1;
	bpf_linker__free(linker);
	return 0;
}
