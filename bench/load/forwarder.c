// The floor: a forwarder that does nothing but forward, one connection to the server for each of a
// client. Plain epoll, level-triggered, one read block for all, a tail kept only if a send is
// short.
//
//   forwarder PORT SERVER_PORT      both on 127.0.0.1
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kBlock = 65536, kEvents = 256, kBacklog = 4096 };

// One direction ends at a Side; what its peer sent and it has not taken is its tail.
struct Side {
  int fd;
  struct Side* peer;  // null: closed in this turn, to be freed after it
  char* tail;
  size_t tail_size;
};

static int g_poller;
static char g_block[kBlock];
static struct Side* g_closed[2 * kEvents];
static size_t g_closed_count;

static void Fail(const char* what) {
  perror(what);
  exit(1);
}

static void Arm(int operation, struct Side* side, unsigned events) {
  struct epoll_event event = {.events = events, .data.ptr = side};
  if (epoll_ctl(g_poller, operation, side->fd, &event) != 0) Fail("epoll_ctl");
}

// A side is read unless its peer has a tail, and watched for room while it has one itself.
static void Rearm(struct Side* side) {
  Arm(EPOLL_CTL_MOD, side, (side->peer->tail ? 0 : EPOLLIN) | (side->tail ? EPOLLOUT : 0));
}

static void Close(struct Side* side) {
  struct Side* both[] = {side, side->peer};
  for (int i = 0; i < 2; i++) {
    close(both[i]->fd);
    free(both[i]->tail);
    both[i]->peer = NULL;
    g_closed[g_closed_count++] = both[i];
  }
}

static struct sockaddr_in Loopback(const char* port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void Accept(int listener, const struct sockaddr_in* server) {
  const int one = 1;
  int fds[2] = {accept4(listener, NULL, NULL, SOCK_NONBLOCK), socket(AF_INET, SOCK_STREAM, 0)};
  if (fds[0] < 0 || fds[1] < 0) Fail("accept4");
  if (connect(fds[1], (const struct sockaddr*)server, sizeof *server) != 0) Fail("connect");
  struct Side* sides[2] = {calloc(1, sizeof(struct Side)), calloc(1, sizeof(struct Side))};
  for (int i = 0; i < 2; i++) {
    setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sides[i]->fd = fds[i];
    sides[i]->peer = sides[1 - i];
    Arm(EPOLL_CTL_ADD, sides[i], EPOLLIN);
  }
}

// What the peer takes now is sent, the rest is its tail.
static void Forward(struct Side* side) {
  if (side->peer->tail) {  // not armed for reading: it has hung up
    Close(side);
    return;
  }
  ssize_t size = recv(side->fd, g_block, kBlock, MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    Close(side);
    return;
  }
  struct Side* peer = side->peer;
  ssize_t sent = send(peer->fd, g_block, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    Close(side);
  } else if (sent < size) {
    sent = sent < 0 ? 0 : sent;
    peer->tail_size = (size_t)(size - sent);
    peer->tail = malloc(peer->tail_size);
    memcpy(peer->tail, g_block + sent, peer->tail_size);
    Rearm(side);
    Rearm(peer);
  }
}

static void Drain(struct Side* side) {
  ssize_t sent = send(side->fd, side->tail, side->tail_size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno != EAGAIN) Close(side);
    return;
  }
  side->tail_size -= (size_t)sent;
  memmove(side->tail, side->tail + sent, side->tail_size);
  if (side->tail_size > 0) return;
  free(side->tail);
  side->tail = NULL;
  Rearm(side);
  Rearm(side->peer);
}

int main(int argc, char** argv) {
  if (argc != 3) return fprintf(stderr, "forwarder PORT SERVER_PORT\n"), 2;
  const struct sockaddr_in own = Loopback(argv[1]), server = Loopback(argv[2]);
  const int one = 1;
  struct Side listener = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
  setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener.fd, (const struct sockaddr*)&own, sizeof own) != 0) Fail("bind");
  if (listen(listener.fd, kBacklog) != 0) Fail("listen");
  g_poller = epoll_create1(0);
  Arm(EPOLL_CTL_ADD, &listener, EPOLLIN);
  for (;;) {
    struct epoll_event events[kEvents];
    const int count = epoll_wait(g_poller, events, kEvents, -1);
    for (int i = 0; i < count; i++) {
      struct Side* side = events[i].data.ptr;
      if (side == &listener) {
        Accept(listener.fd, &server);
        continue;
      }
      if (side->peer && (events[i].events & EPOLLOUT)) Drain(side);
      if (side->peer && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) Forward(side);
    }
    while (g_closed_count > 0) free(g_closed[--g_closed_count]);
  }
}
