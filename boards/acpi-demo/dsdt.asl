/*
 * The namespace of a board described by ACPI: DMA-330 controllers in each of the ways in which ACPI can describe one, and what a
 * method that resets one can do right and wrong. Written for this project; IORT beside it says who is behind its SMMU.
 *
 * dsdt.aml beside this file is made of it by `cargo xtask own-boards` (iasl).
 */
DefinitionBlock ("dsdt.aml", "DSDT", 2, "UVFIO ", "DEMO    ", 1)
{
    Scope (\_SB)
    {

        // On the AMBA bus, because of its id; nine interrupts, and a reset. A controller has no reset register: its threads are killed
        // one by one through the debug registers, and then its interrupts are cleared and disabled.
        Device (DMA0)
        {
            Name (_HID, "ARMH0330")
            Name (_UID, Zero)
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0x7FF00000, 0x1000)
                Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive)
                {
                    120, 121, 122, 123, 124, 125, 126, 127, 128
                }
            })
            OperationRegion (REGS, SystemMemory, 0x7FF00000, 0x1000)
            Field (REGS, DWordAcc, NoLock, Preserve)
            {
                Offset (0x020), INTE, 32,
                Offset (0x02C), INTC, 32,
                Offset (0xD00), BUSY, 1,
                Offset (0xD04), EXEC, 32,
                Offset (0xD08), INS0, 32,
                INS1, 32
            }
            // DMAKILL, by the manager (0x10000) or by a channel.
            Method (KILL, 1, Serialized)
            {
                Local0 = 1000
                While (BUSY && Local0)
                {
                    Stall (10)
                    Local0--
                }
                INS0 = Arg0
                INS1 = Zero
                EXEC = Zero
            }
            Method (_RST, 0, Serialized)
            {
                KILL (0x00010000)
                For (Local0 = 0, Local0 < 8, Local0++)
                {
                    KILL (0x00010001 | (Local0 << 8))
                }
                INTE = 0xFF
                INTC = 0xFF
                INTE = Zero
                Sleep (1)
            }
        }

        // Without a reset; its registers by another kind of descriptor.
        Device (DMA1)
        {
            Name (_HID, "ARMH0330")
            Name (_UID, One)
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate ()
            {
                QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0x7FF10000, 0x7FF10FFF, 0, 0x1000)
                Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive)
                {
                    130, 131, 132, 133, 134, 135, 136, 137, 138
                }
            })
        }

        // On the platform bus, because what it is stands in its properties; with a reset that does the same in other words.
        Device (DMA2)
        {
            Name (_HID, "PRP0001")
            Name (_UID, 2)
            Name (_CCA, One)
            Name (_DSD, Package ()
            {
                ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
                Package () { Package () { "compatible", Package () { "arm,pl330" } } }
            })
            Name (CNT, Zero)
            Method (_CRS, 0, Serialized)
            {
                Name (RBUF, ResourceTemplate ()
                {
                    Memory32Fixed (ReadWrite, 0, 0x1000, BASE)
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive)
                    {
                        140, 141, 142, 143, 144, 145, 146, 147, 148
                    }
                })
                CreateDWordField (RBUF, BASE._BAS, ADDR)
                ADDR = 0x7FF20000
                Return (RBUF)
            }
            OperationRegion (REGS, SystemMemory, 0x7FF20000, 0x1000)
            Field (REGS, DWordAcc, NoLock, Preserve)
            {
                Offset (0x020), INTE, 32,
                Offset (0x02C), INTC, 32,
                Offset (0xD04), EXEC, 32,
                Offset (0xD08), INS0, 32,
                INS1, 32
            }
            Method (_RST, 0, Serialized)
            {
                CNT++
                Local1 = Package () { 0x00010000, 0x00010001, 0x00010101, 0x00010201, 0x00010301, 0x00010401, 0x00010501,
                    0x00010601, 0x00010701 }
                Local0 = Zero
                While (Local0 < SizeOf (Local1))
                {
                    INS0 = DerefOf (Local1 [Local0])
                    INS1 = Zero
                    EXEC = Zero
                    Local0++
                }
                INTE = 0xFF
                INTC = 0xFF
                INTE = Zero
            }
        }

        // The same without a reset: vfio-platform asks for one.
        Device (DMA3)
        {
            Name (_HID, "PRP0001")
            Name (_UID, 3)
            Name (_CCA, One)
            Name (_DSD, Package ()
            {
                ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
                Package () { Package () { "compatible", "arm,pl330" } }
            })
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadWrite, 0x7FF30000, 0x1000)
                Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive)
                {
                    150, 151, 152, 153, 154, 155, 156, 157, 158
                }
            })
        }

        // A device whose firmware waits for ever.
        Device (LOOP)
        {
            Name (_HID, "UVFI0001")
            Name (_CID, "UVFI0000")
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x10000000, 0x1000) })
            OperationRegion (REGS, SystemMemory, 0x10000000, 0x1000)
            Field (REGS, DWordAcc, NoLock, Preserve) { STAT, 32 }
            Method (_RST, 0, Serialized)
            {
                While (One)
                {
                    If (STAT == 0xFFFFFFFF) { Break }
                }
            }
        }

        // A device whose firmware reaches for another's registers, those of DMA0.
        Device (REAC)
        {
            Name (_HID, "UVFI0002")
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x10010000, 0x1000) })
            OperationRegion (REGS, SystemMemory, 0x7FF00000, 0x1000)
            Field (REGS, DWordAcc, NoLock, Preserve) { Offset (0x020), INTE, 32 }
            Method (_RST, 0, Serialized)
            {
                INTE = Zero
            }
        }

        // A device whose firmware is wrong.
        Device (FAIL)
        {
            Name (_HID, "UVFI0003")
            Name (_CCA, One)
            Name (_CRS, ResourceTemplate () { Memory32Fixed (ReadWrite, 0x10020000, 0x1000) })
            Method (_RST, 0, Serialized)
            {
                Local0 = Zero
                Local1 = 1 / Local0
            }
        }

        // A device with a console in it, behind no IOMMU; and a device that is not there.
        Device (SOC0)
        {
            Name (_HID, "UVFI0004")
            Name (_UID, Zero)
            Device (COM0)
            {
                Name (_HID, "ARMH0011")
                Name (_UID, Zero)
                Name (_CRS, ResourceTemplate ()
                {
                    Memory32Fixed (ReadWrite, 0x1C090000, 0x1000)
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 37 }
                })
            }
            Device (COM1)
            {
                Name (_HID, "ARMH0011")
                Name (_UID, One)
                Method (_STA) { Return (Zero) }
            }
        }
    }
}
