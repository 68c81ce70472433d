/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel calls the states and kinds of connections: linux/tcp.h, linux/in.h, linux/socket.h. */
#ifndef BTFLY_TCP_H
#define BTFLY_TCP_H

#define IPPROTO_TCP 6
#define AF_INET 2
#define AF_INET6 10

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

#endif
