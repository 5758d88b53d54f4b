#!/bin/sh
# Asks the cases that every device answers alike, of a device that every personality binds: it has a reset.
#
#     type1.sh CLIENT

echo Y > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
link=$(readlink /sys/bus/platform/devices/7c200000.ethernet/iommu_group)
"$1" "/dev/vfio/${link##*/}" 7c200000.ethernet xgmac container group t1 t1v2
