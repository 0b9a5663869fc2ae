/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Many hosts on one disk, in simulated time, from one seed. See README.md in this directory for
 * what is modelled and what is asserted.
 *
 *   sim.c            setting up, the loop
 *   sim-timeline.c   telling what happened
 *   sim-weather.c    chance: how I/Os end, what befalls hosts
 *   sim-io.c         the disk and the hosts' I/O queues: deadlines, fences, start_by, late landings
 *   sim-run.c        drives one machine, as the engine's machine-driver does
 *   sim-area.c       reads only what of an area has to be read
 *   sim-host.c       a host: its clock, boot, standstill, reset, watchdog
 *   sim-lockspace.c  what the engine does about its host lease
 *   sim-grip.c       what the engine, and a process, do about one resource
 *   sim-frozen.c     hosts whose clocks stand still with them, and what they may do for how long
 *   sim-check.c      what must never happen
 *
 * Two kinds of time. True time is the simulator's. Each host has a clock of its own, which starts
 * near zero with each boot and runs a little fast or slow; all that machines and engine see is in
 * that time. Names end in _us for true time and in _local_us for a host's.
 */
#pragma once

#include "lease/area-plan.h"
#include "lease/host-lease-join.h"
#include "lease/host-lease-leave.h"
#include "lease/host-lease-past.h"
#include "lease/host-lease-renew.h"
#include "lease/resource-acquire.h"
#include "lease/resource-convert.h"
#include "lease/resource-recheck.h"
#include "lease/resource-release.h"
#include "lease/resource-share.h"
#include "simulation/chance.h"
#include "simulation/event-queue.h"
#include "support/sanlock-host.h"

#define SIM_HOSTS_MAX 8u
#define SIM_RESOURCES_MAX 2u
#define SIM_LOCKSPACE "LS"
#define SIM_START_US (1000 * USEC_PER_SECOND)
/* Clocks run at most this much too fast or too slow, in millionths. */
#define SIM_DRIFT_PPM 200
/* How long writes of a host that was reset may still take to reach the disk. It never is back
 * before. */
#define SIM_AFTERLIFE_US (2 * USEC_PER_SECOND)

typedef struct SimRun SimRun;
typedef struct SimLockspace SimLockspace;

/* What may happen in a simulation; each seed has some of it. */
typedef enum SimTrouble {
    TROUBLE_SLOW,      /* I/Os that take nearly as long as their timeout */
    TROUBLE_TIMEOUT,   /* and longer: they land late, or never */
    TROUBLE_ERROR,     /* writes that fail, with and without effect; reads that fail */
    TROUBLE_PREEMPT,   /* threads that are kept waiting between any two steps */
    TROUBLE_PAUSE,     /* hosts that stand still while their I/O goes on */
    TROUBLE_SUSPEND,   /* hosts that stand still together with their I/O */
    TROUBLE_FREEZE,    /* hosts that stand still together with their clock */
    TROUBLE_CRASH,     /* resets out of the blue */
    TROUBLE_OUTAGE,    /* the storage is away, for one host or for all */
    TROUBLE_LEAVE,     /* hosts that leave the lockspace, and join again */
    TROUBLE_SHARE,     /* resources that are held shared, and conversions */
    TROUBLE_STUCK,     /* processes that do not die: the watchdog has to act */
    TROUBLE_STRANGERS, /* two hosts with the same host id */
    TROUBLE_DRIFT,     /* clocks that run fast or slow */
    TROUBLE_SANLOCK,   /* some hosts play the resource leases as sanlock does */
    TROUBLE_CORRUPT,   /* sectors become garbage, or another's */
    N_TROUBLES,
} SimTrouble;

/* I/O */

typedef enum SimQueue {
    QUEUE_RENEWAL,
    QUEUE_RESOURCE,
    N_QUEUES,
} SimQueue;

typedef enum SimSampling {
    SAMPLE_END,        /* a read returns what is there when it ends */
    SAMPLE_START,      /* when it starts */
    SAMPLE_HEAD_FIRST, /* its first sectors as they are at the start, the rest at the end */
    SAMPLE_TAIL_FIRST,
} SimSampling;

/* What becomes of an I/O that was handed to the device; durations from then. */
typedef struct SimFate {
    uint64_t end_after_us;  /* TIME_NEVER: not before the calm */
    uint64_t land_after_us; /* writes; TIME_NEVER: without effect */
    IoOutcome outcome;      /* IO_OK, IO_FAILED */
    SimSampling sampling;
    unsigned torn_at; /* sectors */
} SimFate;

typedef struct SimIo {
    uint64_t id; /* 0: free; a new one with each use */
    SimHost *host;
    SimLockspace *lockspace;
    SimQueue queue;
    SimRun *run; /* who waits for it; NULL: told already, or gone */
    bool is_write;
    bool adopt_overdue;
    bool submitted, ended, overdue;
    uint64_t offset;
    uint32_t length;
    uint64_t fence_offset, fence_length;
    uint64_t deadline_local_us, start_by_local_us, started_local_us;
    SimFate fate;
    bool landed;
    uint8_t *data;         /* a write's, owned */
    uint8_t *image;        /* a read's: an image of the whole area, from its pool */
    struct SimIo *adopted; /* the overdue read that will answer this one */
} SimIo;

typedef struct SimArea {
    uint64_t offset;
    GPtrArray *images; /* free ones; equal to the area but for its hot sectors */
} SimArea;

typedef struct SimDisk {
    Layout layout;
    uint8_t *bytes;
    uint32_t hot; /* bytes at the start of each area that ever change */
    SimArea areas[1 + SIM_RESOURCES_MAX];
    GPtrArray *free_ios, *all_ios;
    uint64_t next_id;
} SimDisk;

/* Machines */

typedef void (*SimRunEnded)(SimRun *run);

struct SimRun {
    SimHost *host;
    SimLockspace *lockspace;
    SimQueue queue;
    uint64_t resource_offset; /* of the device that TARGET_RESOURCE is */
    bool bounded;
    SimRunEnded ended;
    int resource; /* for telling; -1: host lease */
    const char *what;

    void *machine;
    MachineResume resume;
    MachineStep step;
    MachineInput input;
    bool active, waiting;
    uint64_t starts, serial;
    SimIo *io;
    AreaPlan plan; /* of the read that is out */
    uint8_t occupied[HOST_SET_SIZE];
    uint64_t last_write_local_us; /* when the machine last asked for a write */
    uint64_t last_write_us;       /* the same in true time */
};

/* Engine */

typedef enum GripPhase {
    GRIP_NONE,
    GRIP_ACQUIRING,
    GRIP_USED,
    GRIP_RELEASING,
} GripPhase;

typedef struct SimGrip {
    SimLockspace *lockspace;
    unsigned resource;
    GripPhase phase;
    bool using, shared;
    bool failing; /* its process is being stopped */
    bool abandoned;
    bool wiped; /* by a host that plays sanlock, see sim-check.c */
    unsigned attempts;
    uint64_t serial; /* of the timer */
    SimRun run;
    ResourceLease lease;
    ResourceAcquire acquire;
    ResourceShare share;
    ResourceConvert convert;
    ResourceRelease release;
    ResourceRemains remains;
    SanlockHost sanlock;
    /* The look at what is held, with each good renewal. */
    SimRun recheck_run;
    ResourceRecheck recheck;
    uint64_t wanted_us;               /* true time */
    uint64_t grants, rechecked_grant; /* how often; at which of them this look began */
    uint64_t recheck_order;           /* the lowest is looked at next */
    bool is_new;                      /* not looked at since the grant, or conversion */
    bool is_blind;                    /* the last look showed nothing, or is not over yet */
} SimGrip;

typedef enum LockspaceState {
    LOCKSPACE_JOINING,
    LOCKSPACE_HELD,
    LOCKSPACE_LATE,
    LOCKSPACE_FAILING,
    LOCKSPACE_LEAVING,
    LOCKSPACE_LOST,
} LockspaceState;

/* From the start of one join to the end of leaving; later ones of the same boot are others. */
struct SimLockspace {
    SimHost *host;
    LockspaceState state;
    HostLease lease;
    HostLeasePast past_before; /* what was known before the join */
    union {
        HostLeaseJoin join;
        HostLeaseRenew renew;
        HostLeaseLeave leave;
    } machine;
    SimRun run;
    bool joined, abandoned, gave_back, leave_wanted;
    bool frozen; /* it failed since this host had stood still with its clock */
    /* Joined while the machine of the lockspace before it was still at work on the same sector. */
    bool has_rival;
    bool last_renewal_worked;
    uint64_t last_renewal_local_us, valid_until_local_us;
    /* Not by what the machines say: when the write of the last good renewal was asked for. */
    uint64_t witness_local_us;
    uint64_t renewal_serial, deadline_serial, leave_serial, watchdog_serial;
    uint64_t watchdog_local_us;
    HostTable table;
    HostSlot *slots;
    FrozenWatch watch;
    FrozenPeer *peers;
    uint64_t area_read_us; /* when the area read of the latest renewal was handed over; true time */
    uint64_t last_renewal_us; /* true time, when the write of the last good renewal was asked for */
    uint64_t rechecks;
    HostsEver ever;
    AreaMemory memories[SIM_RESOURCES_MAX];
    SimGrip grips[SIM_RESOURCES_MAX];
};

struct SimHost {
    Sim *sim;
    unsigned index;
    char name[16];
    uint64_t host_id;
    uint32_t io_timeout;
    bool is_sanlock;
    bool reads_whole; /* whole areas always, as a host of sanlock's does */
    bool remembers;   /* begins where its last release ended */

    bool up;
    unsigned boot;
    uint64_t boot_us, boot_local_us;
    int64_t ppm;
    uint64_t stopped_until_us; /* 0: it runs */
    GArray *deferred;          /* events of its software, for when it goes on */
    bool suspended;
    uint64_t ambush_us; /* it will stand still for so long from one of its next I/Os on; 0: no */
    SimTrouble ambush_kind;
    uint64_t outage_until_us;
    /* Its clock stands still with it. */
    uint64_t frozen_since_us, frozen_until_us; /* 0: it does not */
    uint64_t frozen_for_us;                    /* the sum of it in this boot, and... */
    uint64_t last_frozen_us;                   /* ...the last time */
    uint64_t thawed_us;                        /* true time; 0: never was in this boot */
    unsigned renewals_since_thaw;              /* good ones that began after it */
    uint64_t excused_until_us; /* until when there may be two users, and one of them here */

    GPtrArray *ios; /* pending or not ended, in the order of their calls */
    SimLockspace *lockspace;
    GPtrArray *lockspaces;
    HostLeasePast past; /* memory: gone with a reset */
    bool reset_in_doubt;
    uint64_t boot_serial, join_serial;
};

typedef struct SimOptions {
    unsigned hosts;      /* 2..SIM_HOSTS_MAX; 0: by chance */
    unsigned io_timeout; /* seconds; 0: by chance */
    unsigned seconds;    /* of trouble; the calm after it is on top */
    bool ignore_fences, ignore_start_by;
    bool safety_only;    /* no calm, and so no assertion that anybody gets on */
    bool tell;           /* keep what happens; for a seed that is known to be of interest */
    unsigned told_lines; /* how much of it is printed */
} SimOptions;

typedef struct SimCounts {
    uint64_t events, ios, grants, takeovers, adopted, joins, resets, watchdog_resets, failures,
        late_landings, too_late, sparse_reads, remains;
} SimCounts;

struct Sim {
    SimOptions options;
    uint64_t seed;
    Chance chance;
    EventQueue events;
    uint64_t now_us;
    SimDisk disk;
    SimHost hosts[SIM_HOSTS_MAX];
    unsigned n_hosts, n_resources;
    bool anybody_froze;
    bool clocks_unwatched; /* the leader records are all that shows who stood still */

    bool trouble[N_TROUBLES];
    Chance area_chance; /* sim-area.c */
    bool late_hosts;    /* some join for the first time late */
    bool leftovers;     /* a lockspace of the past has left ballots in the resources */
    bool rush;          /* all want their resources at the same moments */
    uint8_t *blank;     /* an area of zeroes */
    uint64_t io_us;     /* what an I/O takes when nothing is in its way, roughly */
    uint64_t eager_us;  /* how long a host waits before it wants a resource again */
    uint64_t trouble_every_us, freeze_every_us;
    double preempt_rate;
    uint64_t preempt_us; /* the longest that a thread is kept waiting */
    double fault_rate;   /* of I/Os, for each kind of fault that this seed has */
    bool calm;
    bool corrupted;
    bool generation_fell; /* an old write of another host's landed on a host lease */
    bool version_fell;    /* an old leader record landed on a newer one */
    uint64_t calm_us;

    uint64_t last_version[SIM_RESOURCES_MAX];
    const SimHost *last_owner[SIM_RESOURCES_MAX];
    /* In the calm each host gets its turn, in which nobody else wants the resource. */
    unsigned turn[SIM_RESOURCES_MAX];
    uint64_t turn_us[SIM_RESOURCES_MAX];
    uint8_t served[SIM_RESOURCES_MAX]; /* a bit for each host */
    SimCounts counts;

    char *violation; /* the first */
    GPtrArray *told;
};

/* sim.c */

/* Runs one seed to its end, or to its violation: false, and sim->violation. */
bool sim_run_seed(Sim *self, uint64_t seed, const SimOptions *options);
void sim_clear(Sim *self);
void sim_at(Sim *self, uint64_t at_us, SimHandler handler, void *object, uint64_t serial);
/* Of the host's software: happens later when the host stands still then, and never when it is reset
 * before. `delay_us` from now. */
void sim_soon(SimHost *host, uint64_t delay_us, SimHandler handler, void *object, uint64_t serial);
void sim_at_local(SimHost *host, uint64_t local_us, SimHandler handler, void *object,
                  uint64_t serial);

/* sim-timeline.c */

G_GNUC_PRINTF(3, 4)
void sim_tell(Sim *self, const SimHost *host, const char *format, ...);
void tell_write(const SimIo *io);
void sim_print_told(const Sim *self);

/* sim-weather.c */

void weather_init(Sim *sim);
SimFate weather_fate(SimHost *host, const SimIo *io);
/* Called where a standstill would hurt most: an I/O is asked for, or was just handed over. */
void weather_moment(SimHost *host);
/* Between two steps of the same thread. */
uint64_t weather_thread_delay(SimHost *host);
void weather_start(Sim *sim);
void weather_calm(Sim *sim);

/* sim-io.c */

void disk_init(Sim *sim);
void disk_clear(Sim *sim);
void io_ask(SimRun *run);
/* What is out ends soon; at the beginning of the calm. */
void io_let_go(SimHost *host);
/* The host is reset: its writes land until `until_us`, or never. */
void io_reset(SimHost *host, uint64_t until_us);
bool io_write_in_flight(const SimHost *host, uint64_t offset, uint64_t length);

/* sim-run.c */

void run_start(SimRun *self, void *machine, MachineResume resume);
void run_stop(SimRun *self);
void run_io_ended(SimRun *self, const SimIo *io, IoOutcome outcome);

/* sim-area.c */

void area_init(Sim *sim);
void area_prepare(Sim *sim);
void area_clear(Sim *sim);
uint64_t area_boot_delay(Sim *sim, const SimHost *host, uint64_t usual_us);
uint64_t area_want_delay(Sim *sim, uint64_t usual_us);
/* A read is about to be asked for. */
void area_plan(SimRun *run);
/* It has ended well with `data`: what the machine is told; NULL: it has to be asked for again. */
const uint8_t *area_take(SimRun *run, const SimIo *io, const uint8_t *data);
/* The machine has been told. */
void area_wipe(SimRun *run);

/* sim-host.c */

void host_init(SimHost *self, Sim *sim, unsigned index);
void host_clear(SimHost *self);
uint64_t host_local(const SimHost *self);
uint64_t host_true_time(const SimHost *self, uint64_t local_us);
void host_boot(SimHost *self, uint64_t delay_us);
void host_reset(SimHost *self, const char *why);
void host_stop(SimHost *self, uint64_t duration_us, bool suspend);
void host_resume(SimHost *self);
void host_plan_join(SimHost *self, uint64_t delay_us);

/* sim-frozen.c */

/* Its clock stands still, too, as when a hypervisor stops a virtual host; what is on its way to the
 * disk gets there. */
void frozen_stop(SimHost *host, uint64_t duration_us);
void frozen_go_on(SimHost *host);
bool frozen_is(const SimHost *host);
/* It may believe what is long untrue; see README.md for how long. */
bool frozen_is_excused(const SimHost *host);
void frozen_forget(SimHost *host);
/* After each good renewal. */
void frozen_note_renewal(SimLockspace *lockspace);
void frozen_note_grant(const SimGrip *grip);
/* Checks of the detection: a renewal that is about to be written, and one that was not. */
void frozen_check_renewal(const SimHost *host, const SimIo *io);
void frozen_check_fault(const SimLockspace *lockspace, const LeaseFault *fault);

/* sim-recheck.c */

void recheck_init(SimGrip *grip);
/* After each good renewal: one of the resources that are held, or all. */
void recheck_next(SimLockspace *lockspace, bool all);

/* sim-lockspace.c */

void lockspace_join(SimHost *host);
void lockspace_leave(SimLockspace *self);
void lockspace_check_cleared(SimLockspace *self);
/* Another host has taken what is held here: fails, and renews no more. */
void lockspace_fail_taken(SimLockspace *self);
uint64_t lockspace_fail_at(const SimLockspace *self);
bool lockspace_can_release(const SimLockspace *self);
bool lockspace_is_used(const SimLockspace *self);
const char *lockspace_state_name(LockspaceState state);

/* sim-grip.c */

void grip_init(SimGrip *self, SimLockspace *lockspace, unsigned resource);
void grip_want_later(SimGrip *self);
void grip_fail(SimGrip *self);
/* Its user often goes on for longer than it had meant to. */
void grip_use_on(SimGrip *self);
/* Whatever the user waited for comes to its end. */
void grip_calm(SimGrip *self);

/* sim-check.c */

G_GNUC_PRINTF(2, 3)
void check_violated(Sim *sim, const char *format, ...);
void check_grant(SimGrip *grip, uint64_t version, bool by_other);
/* That nobody else uses what this one uses; of two of whom one is excused nothing is said. */
void check_users(SimGrip *grip, const char *what);
void check_host_id(SimLockspace *lockspace);
void check_overwrite(SimHost *host, const SimIo *io);
void check_write(const SimRun *run, const SimIo *io);
void check_fences(SimHost *host, const SimIo *io);
/* Once a second in the calm; true when there is nothing more to wait for. */
bool check_progress(Sim *sim);
