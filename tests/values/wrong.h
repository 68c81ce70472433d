/* A field of a type that neither the object nor any header here has. */
struct event {
	int pid;
	foo_t what;
};
