/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One call of a method, from its arrival to its reply.
 *
 * Every method goes the same way: parse and validate (in the handler, before anything is asked),
 * authorise (method_call_start), look up again (method_call_start, too: the object that was called
 * must still be the one at its path), act, and reply late. Nothing is held back meanwhile: each
 * call has its own state and other calls go on.
 */
#pragma once

#include <gio/gio.h>

#include "dbus/authorization.h"
#include "dbus/bus-service.h"
#include "dbus/caller-watch.h"

typedef struct MethodCall MethodCall;

/* Acts, and sees to it that the call is ended once, now or later. */
typedef void (*MethodCallAct)(MethodCall *call);

struct MethodCall {
    BailiffBusService *service;
    GDBusMethodInvocation *invocation; /* ours until the reply */
    gpointer target;                   /* reference: the interface skeleton that was called */
    gpointer args;                     /* the method's own */
    GDestroyNotify free_args;
    uid_t uid;                 /* of the caller; known when it is acted */
    GCancellable *caller_gone; /* cancelled when the caller leaves the bus */
    MethodCallAct act;
};

/* Takes over `invocation` and `args`; returns TRUE, for handlers to return. */
gboolean method_call_start(BailiffBusService *service, gpointer target,
                           GDBusMethodInvocation *invocation, MethodCallAct act, gpointer args,
                           GDestroyNotify free_args);

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
