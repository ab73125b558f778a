/* Opens sockets by every route into the kernel and prints what came of it.
 *
 * Freestanding: built for x86-64 and, by "gcc -m32", for i386, without a C library for either.
 * Prints "label PID LABEL" (what confines it), then "socket ROUTE FAMILY TYPE ERRNO" lines, 0 for a
 * socket that opened. Numbers are the kernel's own: arch/x86/entry/syscalls/ and include/uapi/.
 */

typedef unsigned int u32;
typedef unsigned long ulong;

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_ALG = 38, AF_VSOCK = 40 };
enum { STREAM = 1, DGRAM = 2, RAW = 3, SEQPACKET = 5 };
enum { SYS_SOCKET = 1 }; /* socketcall(2)'s number of socket() */
enum { I386_SOCKETCALL = 102, I386_SOCKET = 359 };

#ifdef __x86_64__
enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, MMAP = 9, GETPID = 39, SOCKET = 41 };
enum { EXIT = 60 };
enum { IO_URING_SETUP = 425, IO_URING_ENTER = 426 };

static long call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static long call3(long number, long a, long b, long c)
{
	return call6(number, a, b, c, 0, 0, 0);
}

/* The 32-bit entry, open to 64-bit programs too. */
static long int80(long number, long a, long b, long c)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}
#else
enum { READ = 3, WRITE = 4, OPEN = 5, CLOSE = 6, GETPID = 20, EXIT = 1 };

static long int80(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

static long call3(long number, long a, long b, long c)
{
	return int80(number, a, b, c);
}
#endif

static char line[512];
static u32 used;

static void put(const char *text)
{
	while (*text && used < sizeof line)
		line[used++] = *text++;
}

static void number(u32 value)
{
	char digits[12];
	u32 at = sizeof digits - 1;

	digits[at] = 0;
	do {
		digits[--at] = '0' + value % 10;
	} while (value /= 10);
	put(digits + at);
}

static void flush(void)
{
	call3(WRITE, 1, (ulong)line, used);
	used = 0;
}

static void label(void)
{
	static char text[256];
	long file = call3(OPEN, (ulong)"/proc/self/attr/current", 0, 0);
	long size = file < 0 ? file : call3(READ, file, (ulong)text, sizeof text - 2);

	put("label ");
	number(call3(GETPID, 0, 0, 0));
	put(" ");
	if (size < 0) {
		put("unread: ");
		number(-size);
	} else {
		while (size && text[size - 1] == '\n')
			size--;
		text[size] = 0;
		put(text);
	}
	put("\n");
	flush();
	call3(CLOSE, file, 0, 0);
}

/* Its address stands below 4 GiB (not position independent), as the 32-bit entry needs it. */
static u32 arguments[3];

static long by_socketcall(long family, long type)
{
	arguments[0] = family;
	arguments[1] = type;
	arguments[2] = 0;
	return int80(I386_SOCKETCALL, SYS_SOCKET, (ulong)arguments, 0);
}

static long by_socket32(long family, long type)
{
	return int80(I386_SOCKET, family, type, 0);
}

#ifdef __x86_64__
static long by_socket(long family, long type)
{
	return call3(SOCKET, family, type, 0);
}

/* No socket system call at all: io_uring's IORING_OP_SOCKET, since Linux 5.19. */
static long by_io_uring(long family, long type)
{
	enum { IORING_OP_SOCKET = 45, IORING_ENTER_GETEVENTS = 1 };
	enum { CQ_RING = 0x8000000, SQES = 0x10000000 };
	enum { PROT_READ_WRITE = 3, MAP_SHARED = 1 };
	static struct {
		u32 sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd;
		u32 reserved[3];
		struct { u32 head, tail, mask, entries, flags, dropped, array, reserved[3]; } sq;
		struct { u32 head, tail, mask, entries, overflow, cqes, flags, reserved[3]; } cq;
	} setup;
	static char *sq, *cq;
	static volatile struct {
		unsigned char opcode, flags;
		unsigned short priority;
		int family;
		ulong type, address;
		u32 protocol, socket_flags;
		ulong user_data;
		unsigned short buffer, personality;
		u32 file_index;
		ulong reserved[2];
	} *entry;
	static long ring = -1;
	long done;
	u32 tail;

	if (ring < 0) {
		ring = call3(IO_URING_SETUP, 1, (ulong)&setup, 0);
		if (ring < 0)
			return ring;
		sq = (char *)call6(MMAP, 0, 4096, PROT_READ_WRITE, MAP_SHARED, ring, 0);
		cq = (char *)call6(MMAP, 0, 4096, PROT_READ_WRITE, MAP_SHARED, ring, CQ_RING);
		entry = (void *)call6(MMAP, 0, 4096, PROT_READ_WRITE, MAP_SHARED, ring, SQES);
		if ((ulong)sq > -4096ul || (ulong)cq > -4096ul || (ulong)entry > -4096ul)
			call3(EXIT, 2, 0, 0);
	}
	entry->opcode = IORING_OP_SOCKET;
	entry->family = family;
	entry->type = type;
	tail = *(volatile u32 *)(sq + setup.sq.tail);
	*(volatile u32 *)(sq + setup.sq.array) = 0; /* one entry: always the first */
	__atomic_store_n((u32 *)(sq + setup.sq.tail), tail + 1, __ATOMIC_RELEASE);
	done = call6(IO_URING_ENTER, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0);
	if (done != 1)
		return done < 0 ? done : -5;
	tail = *(volatile u32 *)(cq + setup.cq.head);
	/* An event is 16 bytes: user data (8), result (4), flags (4). */
	done = *(volatile int *)(cq + setup.cq.cqes + 16 * (tail & *(u32 *)(cq + setup.cq.mask)) + 8);
	__atomic_store_n((u32 *)(cq + setup.cq.head), tail + 1, __ATOMIC_RELEASE);
	return done;
}
#endif

static const struct { const char *name; long (*open)(long family, long type); } routes[] = {
#ifdef __x86_64__
	{ "socket", by_socket },
	{ "int80-socketcall", by_socketcall },
	{ "int80-socket", by_socket32 },
	{ "io_uring", by_io_uring },
#else
	{ "i386-socketcall", by_socketcall },
	{ "i386-socket", by_socket32 },
#endif
};

static const struct { const char *name; int family, type; } sockets[] = {
	{ "unix stream", AF_UNIX, STREAM },
	{ "unix dgram", AF_UNIX, DGRAM },
	{ "unix seqpacket", AF_UNIX, SEQPACKET },
	{ "inet stream", AF_INET, STREAM },
	{ "inet dgram", AF_INET, DGRAM },
	{ "inet6 stream", AF_INET6, STREAM },
	{ "inet6 dgram", AF_INET6, DGRAM },
	{ "netlink raw", AF_NETLINK, RAW },
	{ "alg seqpacket", AF_ALG, SEQPACKET },
	{ "vsock stream", AF_VSOCK, STREAM },
	{ "vsock seqpacket", AF_VSOCK, SEQPACKET },
};

__attribute__((force_align_arg_pointer, noreturn, used)) void _start(void)
{
	u32 route, socket;

	label();
	for (route = 0; route < sizeof routes / sizeof *routes; route++) {
		for (socket = 0; socket < sizeof sockets / sizeof *sockets; socket++) {
			long got = routes[route].open(sockets[socket].family, sockets[socket].type);

			put("socket ");
			put(routes[route].name);
			put(" ");
			put(sockets[socket].name);
			put(" ");
			number(got < 0 ? -got : 0);
			put("\n");
			flush();
			if (got >= 0)
				call3(CLOSE, got, 0, 0);
		}
	}
	for (;;)
		call3(EXIT, 0, 0, 0);
}
