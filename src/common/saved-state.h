/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where bailiffd writes down what the next one has to know, and in which format: names that bailiffd
 * and `bailiffctl state`, which reads without it, have to agree on. Each is a file of
 * runtime-file.h; the keys stand where they are written (engine/saved-lockspace.c, saved-resource.c,
 * held-record.c with registration-saved.c, given-up.c).
 */
#pragma once

#define SAVED_STATE_USUAL_DIRECTORY "/run/bailiff"

/* DIRECTORY/NAME; NAME as runtime_file_name() makes it. */
#define SAVED_LOCKSPACES_DIRECTORY "lockspaces"
#define SAVED_LOCKSPACE_GROUP "lockspace"
#define SAVED_LOCKSPACE_FORMAT 1

/* DIRECTORY/LOCKSPACE/NAME. */
#define SAVED_RESOURCES_DIRECTORY "resources"
#define SAVED_RESOURCE_GROUP "resource"
#define SAVED_RESOURCE_FORMAT 1

/* DIRECTORY/ID. Of each lease that was given up and is waited for there is a group with a number
 * behind the prefix, from 1 on. */
#define SAVED_REGISTRATIONS_DIRECTORY "held"
#define SAVED_REGISTRATION_GROUP "registration"
#define SAVED_REGISTRATION_FORMAT 2
#define SAVED_GIVEN_UP_GROUP_PREFIX "given-up "

/* DIRECTORY/NUMBER: incidents that are under way. A key file without a checksum, as those in the
 * state directory (engine/incident-file.c). */
#define SAVED_INCIDENTS_DIRECTORY "incidents"
#define SAVED_INCIDENT_GROUP "incident"
#define SAVED_INCIDENT_FORMAT 1
/* More than any takes: 8256 steps with everything in them. */
#define SAVED_INCIDENT_MAX (12u << 20)
