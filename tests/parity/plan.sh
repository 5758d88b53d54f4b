#!/bin/sh
# Asks every case of the suite, in the order the answers were recorded in: the cases share state. Runs inside the sandbox.
#
#     plan.sh CLIENT

client=$1

allow_unsafe_interrupts() {
    echo "$1" > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
}

# ask BUS DEVICE TAG SECTION...
ask() {
    bus=$1
    device=$2
    shift 2
    link=$(readlink "/sys/bus/$bus/devices/$device/iommu_group")
    "$client" "/dev/vfio/${link##*/}" "$device" "$@"
}

# On this board interrupts are not isolated: without the parameter SET_IOMMU is refused, and the client ends early.
allow_unsafe_interrupts N
ask platform 7c100000.silent unsafeN group 2> /dev/null

allow_unsafe_interrupts Y
ask platform 7c000000.block gt0 container group t1 t1v2 dev
ask platform 7c100000.silent gt1 dev
ask platform 7c200000.ethernet xgmac dev
ask platform a000000.virtio vmmio dev
ask platform 9020000.fw-cfg fwcfg dev noread
ask amba 9010000.rtc rtc dev pl031
