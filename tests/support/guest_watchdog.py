# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest (virtual_machine) with the kernel's softdog behind its leases, and storage that can fail.

The lockspace lies on a device of the device mapper: from the moment on that it is told so each read and write is an error.
"""

DISK = "/dev/disk/by-id/virtio-leases"
SPACE = "/dev/mapper/space"
DOG = "/sys/class/watchdog/watchdog0"
IO_TIMEOUT = 2
SECTORS = 32768  # of 512 bytes


def dog(guest, attribute):
    return guest.out(f"cat {DOG}/{attribute}")


def install_devices(guest):
    """At each boot: the storage of the lockspace, and a device on which whoever reads waits for ever, in the kernel."""
    unit = f"""[Unit]
Before=bailiffd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=udevadm wait --timeout=120 {DISK}
ExecStart=dmsetup create space --table "0 {SECTORS} linear {DISK} 0"
ExecStart=dmsetup create stuck --table "0 {SECTORS} linear {DISK} {SECTORS}"
ExecStart=udevadm settle
ExecStart=dmsetup suspend --noflush --nolockfs stuck
[Install]
WantedBy=multi-user.target
"""
    guest.run(f"printf %s '{unit}' >/etc/systemd/system/devices.service && systemctl enable --now devices")


def set_space(guest, target):
    guest.run(f"dmsetup suspend --noflush --nolockfs space && dmsetup load space --table '0 {SECTORS} {target}' && "
              "dmsetup resume space")


def wait_lockspace(guest, state):
    guest.wait_until(f"bailiffctl status | grep -q '^space  *{state}'")


def run_in_unit(guest, unit, *command):
    guest.run(f"systemd-run --unit {unit} -p After=bailiffd.service -p SendSIGKILL=no bailiffctl run space thing@{SPACE}:1M "
              f"-- {' '.join(command)}")
    guest.wait_until("bailiffctl status | grep -q '^  thing  *held'")


def join_with_softdog(guest, kind="device"):
    """Both devices, softdog behind the leases, and the lockspace joined, now and at each boot. Of kind "wdmd" that feeds it."""
    install_devices(guest)
    guest.run("modprobe softdog && mkdir -p /etc/bailiff && "
              f"printf '[watchdog]\\ntype={kind}\\n[failure-policy]\\nprocess=signal TERM 2s, kill\\n' "
              ">/etc/bailiff/bailiffd.conf && echo softdog >>/etc/modules-load.d/vm.conf && "
              f"systemctl enable --now {'wdmd' if kind == 'wdmd' else ''} bailiffd")
    guest.run(f"bailiffctl format-lockspace {SPACE} space --io-timeout {IO_TIMEOUT} && "
              f"bailiffctl format-resource {SPACE}:1M space thing && "
              f"bailiffctl join space {SPACE} 1 --io-timeout {IO_TIMEOUT} --persist")
