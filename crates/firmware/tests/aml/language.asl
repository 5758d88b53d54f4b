/*
 * What the language has: each method gives the number of its first check that fails, or 0. Written for this project; language.aml beside
 * this file is made of it by `cargo xtask own-boards` (iasl).
 */
DefinitionBlock ("language.aml", "SSDT", 2, "UVFIO ", "LANGUAGE", 1)
{
    Name (NUM0, 0x1234)
    Name (TXT0, "abc")
    Name (BUF0, Buffer (4) { 1, 2, 3, 4 })
    Name (PKG0, Package () { 10, "x", Package () { 20, 30 }, NUM0 })
    Name (EMPT, Package (3) {})
    Event (EVT0)
    Mutex (MTX0, 0)

    Method (ARIT, 0, Serialized)
    {
        If (1 + 2 != 3) { Return (1) }
        If (5 - 7 != 0xFFFFFFFFFFFFFFFE) { Return (2) }
        Divide (17, 5, Local0, Local1)
        If (Local0 != 2 || Local1 != 3) { Return (3) }
        If ((17 % 5) != 2) { Return (4) }
        Local0 = 1
        Local0 <<= 4
        If (Local0 != 16) { Return (5) }
        Local0 >>= 2
        If (Local0 != 4) { Return (6) }
        Local0 = 0xF0
        If ((Local0 & 0x3C) != 0x30 || (Local0 | 0x0F) != 0xFF || (Local0 ^ 0xFF) != 0x0F) { Return (7) }
        If (~Local0 != 0xFFFFFFFFFFFFFF0F) { Return (8) }
        FindSetLeftBit (Local0, Local1)
        FindSetRightBit (Local0, Local2)
        If (Local1 != 8 || Local2 != 5) { Return (9) }
        If (FromBCD (0x1234) != 1234 || ToBCD (99) != 0x99) { Return (10) }
        NAnd (Local0, 0xFF, Local3)
        If (Local3 != 0xFFFFFFFFFFFFFF0F) { Return (11) }
        Local0 = NUM0++
        If (NUM0 != 0x1235) { Return (12) }
        NUM0--
        Return (0)
    }

    Method (LOGI, 0, Serialized)
    {
        If (!(1 && 2) || (0 && 1)) { Return (1) }
        If (!(0 || 2) || (0 || 0)) { Return (2) }
        If ("abc" != TXT0 || "abd" <= TXT0) { Return (3) }
        If (BUF0 != Buffer () { 1, 2, 3, 4 }) { Return (4) }
        If (3 > 4 || 4 < 3 || 3 >= 4 || !(3 <= 4)) { Return (5) }
        Local0 = 7
        Switch (Local0)
        {
            Case (1) { Return (6) }
            Case (Package () { 5, 7 }) { Local1 = 1 }
            Default { Return (7) }
        }
        If (Local1 != 1) { Return (8) }
        Return (0)
    }

    Method (LOOP, 0, Serialized)
    {
        Local0 = 0
        Local1 = 0
        While (1)
        {
            Local0++
            If (Local0 == 3) { Continue }
            If (Local0 > 5) { Break }
            Local1 += Local0
        }
        If (Local1 != 12) { Return (1) }
        For (Local2 = 0, Local2 < 10, Local2++)
        {
            While (1) { Break }
        }
        If (Local2 != 10) { Return (2) }
        Return (0)
    }

    Method (SUMM, 2)
    {
        If (Arg0 == 0) { Return (Arg1) }
        Return (SUMM (Arg0 - 1, Arg1 + Arg0))
    }
    Method (SET1, 1) { Arg0 = 77 }
    Method (NONE, 0) { Local0 = 1 }
    Method (LAST, 7) { Return (Arg6) }

    Method (CALL, 0, Serialized)
    {
        If (SUMM (10, 0) != 55) { Return (1) }
        Local0 = 5
        SET1 (RefOf (Local0))
        If (Local0 != 77) { Return (2) }
        NONE ()
        If (LAST (1, 2, 3, 4, 5, 6, SUMM (3, 0)) != 6) { Return (3) }
        Name (MINE, 3)
        If (MINE != 3 || \CALL.MINE != 3) { Return (4) }
        Return (0)
    }

    Method (REFS, 0, Serialized)
    {
        Local0 = RefOf (NUM0)
        If (DerefOf (Local0) != 0x1234) { Return (1) }
        If (CondRefOf (\NOPE, Local1)) { Return (2) }
        If (!CondRefOf (\NUM0, Local1) || DerefOf (Local1) != 0x1234) { Return (3) }
        If (DerefOf (PKG0 [0]) != 10 || DerefOf (DerefOf (PKG0 [2]) [1]) != 30) { Return (4) }
        If (DerefOf (PKG0 [3]) != 0x1234) { Return (5) }
        EMPT [1] = "y"
        If (DerefOf (EMPT [1]) != "y" || SizeOf (EMPT) != 3) { Return (6) }
        Local2 = Buffer (2) { 8, 9 }
        Local2 [1] = 0x1FF
        If (DerefOf (Local2 [1]) != 0xFF) { Return (7) }
        If (ObjectType (NUM0) != 1 || ObjectType (TXT0) != 2 || ObjectType (PKG0) != 4 || ObjectType (CALL) != 8) { Return (8) }
        If (Match (Package () { 1, 5, 9 }, MGE, 5, MTR, 0, 0) != 1) { Return (9) }
        Local5 = "\\NUM0"
        Local3 = DerefOf (Local5)
        If (Local3 != 0x1234) { Return (10) }
        CopyObject (TXT0, Local4)
        If (Local4 != "abc") { Return (11) }
        Return (0)
    }

    Method (TEXT, 0, Serialized)
    {
        If (Concatenate ("ab", "c") != TXT0) { Return (1) }
        If (Concatenate (Buffer () { 1 }, Buffer () { 2 }) != Buffer () { 1, 2 }) { Return (2) }
        If (ToInteger ("0x1F") != 0x1F || ToInteger ("12") != 12) { Return (3) }
        Local0 = 255
        If (ToHexString (Local0) != "FF" || ToDecimalString (Local0) != "255") { Return (4) }
        If (ToDecimalString (BUF0) != "1,2,3,4" || ToHexString (BUF0) != "0x01,0x02,0x03,0x04") { Return (5) }
        If (ToBuffer (TXT0) != Buffer () { 0x61, 0x62, 0x63, 0 }) { Return (6) }
        If (ToString (Buffer () { 0x61, 0x62, 0, 0x63 }, Ones) != "ab") { Return (7) }
        If (Mid ("abcdef", 2, 3) != "cde" || Mid (BUF0, 3, 9) != Buffer () { 4 }) { Return (8) }
        If (SizeOf (TXT0) != 3 || SizeOf (BUF0) != 4) { Return (9) }
        Local0 = "q"
        Local0 = 5
        If (Local0 != 5) { Return (10) }
        TXT0 = 5
        If (ObjectType (TXT0) != 2) { Return (11) }
        TXT0 = "abc"
        Local1 = ConcatenateResTemplate (ResourceTemplate () { IRQNoFlags () {1} }, ResourceTemplate () { IRQNoFlags () {2} })
        If (SizeOf (Local1) != 8) { Return (12) }
        Return (0)
    }

    Method (BITS, 0, Serialized)
    {
        Name (BUFX, Buffer (8) {})
        CreateDWordField (BUFX, 0, DWF0)
        CreateWordField (BUFX, 4, WDF0)
        CreateByteField (BUFX, 6, BYF0)
        CreateBitField (BUFX, 56, BIF0)
        CreateField (BUFX, 57, 7, FLD0)
        CreateQWordField (BUFX, 0, QWF0)
        DWF0 = 0x11223344
        WDF0 = 0x5566
        BYF0 = 0x77
        BIF0 = 1
        FLD0 = 0x44
        If (QWF0 != 0x8977556611223344) { Return (1) }
        If (FLD0 != 0x44 || BIF0 != 1 || WDF0 != 0x5566) { Return (2) }
        Return (0)
    }

    OperationRegion (MEM0, SystemMemory, 0x1000, 0x40)
    Field (MEM0, DWordAcc, NoLock, Preserve)
    {
        MA00, 32,
        MA01, 4, MA02, 8, MA03, 20,
        , 16, MA04, 32,
        Offset (0x20), MALG, 128
    }
    Field (MEM0, ByteAcc, NoLock, WriteAsOnes) { Offset (0x10), MB00, 4, AccessAs (WordAcc, 0), Offset (0x12), MB01, 16 }
    Field (MEM0, ByteAcc, NoLock, Preserve) { Offset (0x14), IDX0, 8, DAT0, 8 }
    IndexField (IDX0, DAT0, ByteAcc, NoLock, Preserve) { Offset (3), XF00, 8, XF01, 8 }
    Field (MEM0, ByteAcc, NoLock, Preserve) { Offset (0x18), BNK0, 8 }
    BankField (MEM0, BNK0, 5, ByteAcc, NoLock, Preserve) { Offset (0x19), BF00, 8 }

    Method (FLDS, 0, Serialized)
    {
        MA00 = 0xAABBCCDD
        If (MA00 != 0xAABBCCDD) { Return (1) }
        MA01 = 0xF
        MA02 = 0xAB
        MA03 = 0x12345
        If (MA02 != 0xAB || MA01 != 0xF || MA03 != 0x12345) { Return (2) }
        MA04 = 0xCAFEBABE
        If (MA04 != 0xCAFEBABE) { Return (3) }
        MB00 = 0
        MB01 = 0x4321
        If (MB01 != 0x4321 || MB00 != 0) { Return (4) }
        XF00 = 0x66
        If (IDX0 != 3 || DAT0 != 0x66) { Return (5) }
        BF00 = 9
        If (BNK0 != 5 || BF00 != 9) { Return (6) }
        MALG = Buffer (16) { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }
        If (SizeOf (MALG) != 16 || DerefOf (MALG [15]) != 16) { Return (7) }
        Return (0)
    }

    Method (SYNC, 0, Serialized)
    {
        If (Acquire (MTX0, 0xFFFF)) { Return (1) }
        Release (MTX0)
        Signal (EVT0)
        If (Wait (EVT0, 10)) { Return (2) }
        If (!Wait (EVT0, 10)) { Return (3) }
        Reset (EVT0)
        Stall (10)
        Sleep (1)
        If (Timer () < 10100) { Return (4) }
        If (!_OSI ("Windows 2015") || _OSI ("Linux")) { Return (5) }
        Return (0)
    }
}
