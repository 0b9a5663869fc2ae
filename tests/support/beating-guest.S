# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The smallest guest that shows whether it is alive: one boot sector. At each tick of the BIOS clock (18.2 in a second)
# it adds 1 to a counter and writes it to sector 1 of its disk, whose first four bytes are the number of beats so far.
# It begins where the disk's counter stands, so that a later start of the same guest goes on counting.
#
#   as --32 -o guest.o beating-guest.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o guest.img guest.o
#
# A write that fails is tried again with the next tick; a tick missed meanwhile is not made up for.

        .code16
        .globl  _start

        .set    ticks, 0x046c           # the BIOS counts its ticks here
        .set    buffer, 0x8000

_start: ljmp    $0, $begin
begin:  xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        sti
        movb    $0x42, %ah              # extended read: what the counter was
        call    disk

beat:   movl    ticks, %ebx
same:   hlt
        cmpl    ticks, %ebx
        je      same
        incl    buffer
        movw    $0x4300, %ax            # extended write, without verification
        call    disk
        jmp     beat

# One sector between `buffer` and sector 1 of the first hard disk; what to do is in %ah.
disk:   movw    $packet, %si
        movb    $0x80, %dl
        int     $0x13
        ret

        .balign 4
packet: .byte   16, 0                   # its size
        .word   1                       # sectors
        .word   buffer, 0               # offset, segment
        .quad   1                       # first sector

        .org    510
        .word   0xaa55
