/*
 * Who is behind the SMMU of the board in dsdt.asl, and as which stream: every device with DMA, each a stream of its own. Written for
 * this project.
 *
 * iort.aml beside this file is made of it by `cargo xtask own-boards` (iasl).
 */

                           Signature : "IORT"
                        Table Length : 00000000
                            Revision : 03
                            Checksum : 00
                              Oem ID : "UVFIO "
                        Oem Table ID : "DEMO    "
                        Oem Revision : 00000001
                     Asl Compiler ID : "INTL"
               Asl Compiler Revision : 00000000

                          Node Count : 00000009
                         Node Offset : 00000030
                            Reserved : 00000000

/* 0x30: the interrupt translation service */
                                Type : 00
                              Length : 0018
                            Revision : 01
                            Reserved : 00000000
                       Mapping Count : 00000000
                      Mapping Offset : 00000000
                            ItsCount : 00000001
                         Identifiers : 00000000

/* 0x48: an SMMUv3 whose walks are coherent */
                                Type : 04
                              Length : 0058
                            Revision : 04
                            Reserved : 00000001
                       Mapping Count : 00000001
                      Mapping Offset : 00000044
                        Base Address : 000000002B400000
               Flags (decoded below) : 00000001
                     COHACC Override : 1
                       HTTU Override : 0
              Proximity Domain Valid : 0
                            Reserved : 00000000
                       VATOS Address : 0000000000000000
                               Model : 00000000
                          Event GSIV : 0000006A
                            PRI GSIV : 0000006B
                           GERR GSIV : 0000006D
                           Sync GSIV : 0000006C
                    Proximity Domain : 00000000
             Device ID Mapping Index : 00000000
                          Input base : 00000000
                            ID Count : 0000FFFF
                         Output Base : 00000000
                    Output Reference : 00000030
               Flags (decoded below) : 00000000
                      Single Mapping : 0

/* 0xA0 */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000002
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.DMA0"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000010
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1

/* 0xDC */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000003
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.DMA1"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000011
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1

/* 0x118 */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000004
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.DMA2"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000012
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1

/* 0x154 */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000005
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.DMA3"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000013
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1

/* 0x190 */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000006
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.LOOP"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000014
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1

/* 0x1CC */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000007
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.REAC"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000015
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1

/* 0x208 */
                                Type : 01
                              Length : 003C
                            Revision : 04
                            Reserved : 00000008
                       Mapping Count : 00000001
                      Mapping Offset : 00000028
                          Node Flags : 00000000
                   Memory Properties : [IORT Memory Access Properties]
                     Cache Coherency : 00000001
               Hints (decoded below) : 00
                           Transient : 0
                      Write Allocate : 0
                       Read Allocate : 0
                            Override : 0
                            Reserved : 0000
        Memory Flags (decoded below) : 03
                           Coherency : 1
                    Device Attribute : 1
                   Memory Size Limit : 28
                         Device Name : "\_SB.FAIL"
                             Padding : 00
                          Input base : 00000000
                            ID Count : 00000000
                         Output Base : 00000016
                    Output Reference : 00000048
               Flags (decoded below) : 00000001
                      Single Mapping : 1
