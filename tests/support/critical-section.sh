#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# critical-section.sh DIRECTORY NAME: what a holder of the lease does. It must be alone: the file `token`
# is created only where there is none, and must still be its own in the end. The kernel is the judge, not
# the hosts. Each visit leaves a line in `visits`; one that was not alone leaves one in `overlaps`. The
# token of one that was killed inside is no overlap: that it is gone is what its host had to see to.
set -u
cd "$1" || exit 1
me="$2 $$"
set -C
if ! echo "$me" 2>/dev/null >token; then
    read -r found pid <token
    if kill -0 "$pid" 2>/dev/null; then
        echo "$me found $found $pid" >>overlaps
        exit 1
    fi
    echo "$me" >|token
fi
# The visit takes a while, or nobody could come in between.
sleep 0.03
read -r whose <token
[ "$whose" = "$me" ] || echo "$me was followed by $whose" >>overlaps
echo "$2 ${BAILIFF_VERSION-}" >>visits
rm token
