/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call of a method, from its arrival to its reply.
 *
 * Every method goes the same way: parse and validate (in the handler, before anything is asked),
 * authorise (method_call_start), look up again (method_call_start, too: the object that was called
 * must still be the one at its path, and no more may be needed for it than was asked about), act,
 * and reply late. Nothing is held back meanwhile: each call has its own state and other calls go
 * on.
 */
#pragma once

#include <gio/gio.h>

#include "dbus/authorization.h"
#include "dbus/bus-service.h"
#include "dbus/caller-quota.h"
#include "dbus/caller-watch.h"
#include "dbus/method-actions.h"

typedef struct MethodCall MethodCall;

/* Acts, and sees to it that the call is ended once, now or later. */
typedef void (*MethodCallAct)(MethodCall *call);

/* Is what it acts on the caller's own? Asked before and after the authorisation. */
typedef gboolean (*MethodCallIsOwn)(MethodCall *call);

struct MethodCall {
    BailiffBusService *service;
    GDBusMethodInvocation *invocation; /* ours until the reply */
    gpointer target;                   /* reference: the interface skeleton that was called */
    gpointer args;                     /* the method's own */
    GDestroyNotify free_args;
    uid_t uid;                 /* of the caller; known when it is acted */
    GCancellable *caller_gone; /* cancelled when the caller leaves the bus */
    MethodCallAct act;
    MethodCallIsOwn is_own; /* NULL: by the object that was called */
    guint more_actions;     /* what the arguments ask for, besides the table of methods */
    guint granted;          /* POLKIT_ALL for those who are not asked about */
    gboolean counted;       /* in the quota of `uid`, until the end */
    gsize leases;           /* also counted there: method_call_reserve_leases() */
};

/* Takes over `invocation` and `args`; returns TRUE, for handlers to return. */
gboolean method_call_start(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, MethodCallAct act, gpointer args,
                           GDestroyNotify free_args);

/* The same, for what the table of methods cannot say. `more_actions`: bits of PolkitAction. */
gboolean method_call_start_with(BailiffBusService *service, gpointer target,
                                GDBusMethodInvocation *invocation, MethodCallAct act, gpointer args,
                                GDestroyNotify free_args, guint more_actions,
                                MethodCallIsOwn is_own);

/* From within an act: `n` leases are going to be acquired. FALSE when the call has ended with Busy:
 * that is beyond the quota of the caller. */
gboolean method_call_reserve_leases(MethodCall *call, gsize n);

/* From within an act: the same for a registration. */
gboolean method_call_may_register(MethodCall *call);

/* For what a handler refuses by itself, before method_call_start(); takes `error` over, returns
 * TRUE. */
gboolean method_call_refuse(GDBusMethodInvocation *invocation, GError *error);

/* End the call: everything that has changed is announced, then the reply is sent. `reply` is the
 * tuple of results (floating) or NULL for none; `error` is taken over. */
void method_call_reply(MethodCall *call, GVariant *reply);
void method_call_fail(MethodCall *call, GError *error);

/* Ends a call whose caller has left: there is nobody to reply to. */
void method_call_drop(MethodCall *call);

/* What bus-service gives every call. */
BailiffAuthorization *bailiff_bus_service_get_authorization(BailiffBusService *self);
CallerWatch *bailiff_bus_service_get_caller_watch(BailiffBusService *self);
CallerQuota *bailiff_bus_service_get_caller_quota(BailiffBusService *self);
void bailiff_bus_service_call_begins(BailiffBusService *self);
void bailiff_bus_service_call_ends(BailiffBusService *self);
