/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench-delay-store MOUNT-POINT BACKING-FILE DELAY-US COUNTERS-FILE COUNT-FROM
 *
 * A file (MOUNT-POINT, an existing file) whose every read and write is answered DELAY-US
 * microseconds after it came in, any number of them at the same time: storage that is far away, not
 * storage that is busy. With equal delays the order of arrival is the order of answers, so a queue
 * and a few threads that take its head do, whatever the number of requests that wait. The I/O
 * itself is done when its time has come, in BACKING-FILE, which is mapped: each write() into a page
 * cache of large folios walks all buffers of the folio, and this process took as much of the
 * processor as the main thread of the daemon that is to be measured.
 *
 * COUNTERS-FILE is mapped and holds four 64 bit numbers: reads, bytes read, writes, bytes written,
 * of I/O at COUNT-FROM and above. Unmount it to end it.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 4
/* FUSE takes 12 background requests by default, and io_submit() blocks at the next. */
#define MAX_BACKGROUND 4096
#define ATTRIBUTES_GOOD_FOR_S 86400.0
#define IO_MAX (1u << 20)

typedef struct Request {
    struct Request *next;
    fuse_req_t fuse;
    struct timespec due;
    size_t size;
    off_t offset;
    int writes;
    char data[]; /* what is to be written */
} Request;

typedef struct Counters {
    uint64_t reads, bytes_read, writes, bytes_written;
} Counters;

typedef struct Store {
    struct stat stat;
    char *bytes; /* the backing file, mapped */
    uint64_t delay_ns;
    off_t count_from;
    Counters *counters;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    Request *head, **tail;
} Store;

static Store store = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER };

static void count(const Request *request)
{
    if (request->offset < store.count_from)
        return;
    __atomic_add_fetch(request->writes ? &store.counters->writes : &store.counters->reads, 1,
                       __ATOMIC_RELAXED);
    __atomic_add_fetch(request->writes ? &store.counters->bytes_written
                                       : &store.counters->bytes_read,
                       request->size, __ATOMIC_RELAXED);
}

static void answer(Request *request)
{
    count(request);
    if (request->writes) {
        memcpy(store.bytes + request->offset, request->data, request->size);
        fuse_reply_write(request->fuse, request->size);
    } else {
        fuse_reply_buf(request->fuse, store.bytes + request->offset, request->size);
    }
    free(request);
}

static void *answer_requests(void *unused)
{
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        pthread_mutex_lock(&store.lock);
        while (store.head == NULL)
            pthread_cond_wait(&store.filled, &store.lock);
        Request *request = store.head;
        store.head = request->next;
        if (store.head == NULL)
            store.tail = &store.head;
        pthread_mutex_unlock(&store.lock);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &request->due, NULL) == EINTR)
            ;
        answer(request);
    }
    return NULL;
}

static int is_inside(size_t size, off_t offset)
{
    return size <= IO_MAX && offset >= 0 && offset <= store.stat.st_size &&
           size <= (size_t)(store.stat.st_size - offset);
}

static void take(fuse_req_t fuse, const char *data, size_t size, off_t offset)
{
    Request *request = malloc(sizeof *request + (data != NULL ? size : 0));

    if (request == NULL || !is_inside(size, offset)) {
        free(request);
        fuse_reply_err(fuse, request == NULL ? ENOMEM : EINVAL);
        return;
    }
    *request = (Request){ .fuse = fuse, .size = size, .offset = offset, .writes = data != NULL };
    if (data != NULL)
        memcpy(request->data, data, size);
    clock_gettime(CLOCK_MONOTONIC, &request->due);
    uint64_t ns = (uint64_t)request->due.tv_nsec + store.delay_ns;
    request->due.tv_sec += (time_t)(ns / 1000000000u);
    request->due.tv_nsec = (long)(ns % 1000000000u);

    pthread_mutex_lock(&store.lock);
    *store.tail = request;
    store.tail = &request->next;
    pthread_cond_signal(&store.filled);
    pthread_mutex_unlock(&store.lock);
}

static void on_init(void *unused, struct fuse_conn_info *connection)
{
    connection->max_background = MAX_BACKGROUND;
    connection->congestion_threshold = MAX_BACKGROUND;
    connection->max_write = IO_MAX;
    /* A device has no attributes: without this each read after a write asks for them first. */
    connection->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
}

static void on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    fuse_reply_attr(request, &store.stat, ATTRIBUTES_GOOD_FOR_S);
}

/* Times may be set; nothing else is asked for by programs that do direct I/O. */
static void on_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *wanted, int which,
                       struct fuse_file_info *file)
{
    fuse_reply_attr(request, &store.stat, ATTRIBUTES_GOOD_FOR_S);
}

static void on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
    fuse_reply_open(request, file);
}

static void on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    take(request, NULL, size, offset);
}

static void on_write(fuse_req_t request, fuse_ino_t inode, const char *data, size_t size,
                     off_t offset, struct fuse_file_info *file)
{
    take(request, data, size, offset);
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .getattr = on_getattr,
    .setattr = on_setattr,
    .open = on_open,
    .read = on_read,
    .write = on_write,
};

static int prepare(char **argv)
{
    int counters_fd = open(argv[4], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int fd = open(argv[2], O_RDWR | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &store.stat) < 0 || counters_fd < 0 ||
        ftruncate(counters_fd, sizeof *store.counters) < 0) {
        perror("bench-delay-store");
        return -1;
    }
    store.counters =
        mmap(NULL, sizeof *store.counters, PROT_READ | PROT_WRITE, MAP_SHARED, counters_fd, 0);
    close(counters_fd);
    store.bytes = mmap(NULL, (size_t)store.stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    store.stat.st_ino = FUSE_ROOT_ID;
    store.delay_ns = strtoull(argv[3], NULL, 10) * 1000u;
    store.count_from = strtoll(argv[5], NULL, 10);
    store.tail = &store.head;
    return store.counters == MAP_FAILED || store.bytes == MAP_FAILED ? -1 : 0;
}

int main(int argc, char **argv)
{
    char *fuse_argv[] = { argv[0], "-o", "fsname=bench-delay-store", NULL };
    struct fuse_args arguments = FUSE_ARGS_INIT(3, fuse_argv);
    struct fuse_session *session;
    int status;

    if (argc != 6) {
        fprintf(stderr, "usage: bench-delay-store MOUNT-POINT BACKING-FILE DELAY-US COUNTERS-FILE "
                        "COUNT-FROM\n");
        return 2;
    }
    if (prepare(argv) < 0)
        return 1;
    session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (session == NULL || fuse_session_mount(session, argv[1]) != 0)
        return 1;
    fuse_set_signal_handlers(session);
    for (int i = 0; i < WORKERS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, answer_requests, NULL) != 0)
            return 1;
    }
    status = fuse_session_loop(session);
    fuse_session_unmount(session);
    return status == 0 ? 0 : 1;
}
