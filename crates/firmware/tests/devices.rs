//! Sources in, what Linux makes of them out: names, windows, interrupts, references, coherence.

mod source;

use std::fmt::Write;

use expect_test::{Expect, expect};
use uvfio_firmware::{Board, Bus, Device, Diagnostic, Specifier};

/// A line for each device and its parts, and one for each diagnostic.
fn check(source: &str, expected: Expect) {
    let (board, diagnostics) = source::board(source);
    expected.assert_eq(&summary(&board, &diagnostics));
}

fn summary(board: &Board, diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for device in &board.devices {
        describe(&mut text, device);
    }
    for diagnostic in diagnostics {
        writeln!(text, "! {} {:?}", diagnostic.path, diagnostic.problem).expect("a string");
    }
    text
}

fn describe(text: &mut String, device: &Device) {
    let bus = if device.bus == Bus::Amba { " amba" } else { "" };
    let coherent = if device.dma_coherent { " coherent" } else { "" };
    writeln!(text, "{}{bus}{coherent}", device.name).expect("a string");
    for region in &device.regions {
        let name = region.name.as_deref().unwrap_or("-");
        writeln!(text, "  reg {name} {:#x}+{:#x}", region.base, region.size).expect("a string");
    }
    for irq in &device.interrupts {
        let name = irq.name.as_deref().unwrap_or("-");
        writeln!(text, "  irq {name} {} {} {:?}", irq.path, irq.number, irq.trigger).expect("a string");
    }
    for range in &device.dma_ranges {
        writeln!(text, "  dma {:#x} is {:#x}+{:#x}", range.bus, range.cpu, range.size).expect("a string");
    }
    let mut refer = |kind: &str, specifier: &Specifier| {
        let name = specifier.name.as_deref().unwrap_or("-");
        writeln!(text, "  {kind} {name} {} {:x?}", specifier.path, specifier.cells).expect("a string");
    };
    device.iommus.iter().for_each(|specifier| refer("iommu", specifier));
    device.resets.iter().for_each(|specifier| refer("reset", specifier));
    device.clocks.iter().for_each(|specifier| refer("clock", specifier));
    device.power_domains.iter().for_each(|specifier| refer("power", specifier));
    for supplier in &device.suppliers {
        refer(&format!("{:?}", supplier.kind), &supplier.specifier);
    }
}

#[test]
fn devices_are_named_by_their_address_or_by_the_nodes_above() {
    check(
        r#"/ {
            #address-cells = <1>; #size-cells = <1>;
            gpio-keys { compatible = "gpio-keys"; };
            serial@9000 { compatible = "a"; reg = <0x9000 0x100>; };
            soc@10000000 {
                compatible = "simple-bus";
                #address-cells = <1>; #size-cells = <1>;
                ranges = <0 0x10000000 0x1000000>;
                timer { compatible = "b"; };
                spi@2000 {
                    compatible = "c", "simple-mfd"; reg = <0x2000 0x10>;
                    led@8 { compatible = "register-bit-led"; };
                };
                led@4000 { compatible = "d"; reg = <0x4000 4>; mask = <8>; };
            };
        };"#,
        expect![[r#"
            gpio-keys
            9000.serial
              reg - 0x9000+0x100
            soc@10000000
            soc@10000000:timer
            10002000.spi
              reg - 0x10002000+0x10
            10002000.spi:led@8
            10004000.3.led
              reg - 0x10004000+0x4
        "#]],
    );
}

#[test]
fn only_enabled_nodes_of_a_kind_on_buses_are_devices() {
    check(
        r#"/ {
            nothing { };
            off { compatible = "a"; status = "disabled"; child { compatible = "b"; }; };
            ok { compatible = "a"; status = "ok"; };
            reserved { compatible = "a"; status = "reserved"; };
            opps { compatible = "operating-points-v2"; };
            bus { compatible = "Simple-Bus"; in { compatible = "a"; inner { compatible = "a"; }; }; };
            i2c { compatible = "acme,i2c"; sensor { compatible = "a"; }; };
            firmware { compatible = "acme,not"; scm { compatible = "a"; below { compatible = "a"; }; }; };
            chosen { screen { compatible = "simple-framebuffer"; }; other { compatible = "a"; }; };
            reserved-memory { ram { compatible = "ramoops"; }; pool { compatible = "shared-dma-pool"; }; };
        };"#,
        expect![[r#"
            reserved-memory:ram
            firmware:scm
            chosen:screen
            ok
            bus
            bus:in
            i2c
            firmware
        "#]],
    );
}

#[test]
fn amba_devices_need_registers_and_have_one_window_and_nine_interrupts() {
    check(
        r#"/ {
            #address-cells = <1>; #size-cells = <1>;
            gic: gic { compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>; #address-cells = <0>; };
            dma@1000 {
                compatible = "arm,pl330", "arm,primecell";
                reg = <0x1000 0x1000>, <0x2000 0x1000>;
                interrupt-parent = <&gic>;
                interrupts = <0 0 4>, <0 1 4>, <0 2 4>, <0 3 4>, <0 4 4>, <0 5 4>, <0 6 4>, <0 7 4>, <0 8 4>, <0 9 4>;
            };
            bare { compatible = "arm,primecell"; };
        };"#,
        expect![[r#"
            gic
            1000.dma amba
              reg - 0x1000+0x1000
              irq - /gic 32 LevelHigh
              irq - /gic 33 LevelHigh
              irq - /gic 34 LevelHigh
              irq - /gic 35 LevelHigh
              irq - /gic 36 LevelHigh
              irq - /gic 37 LevelHigh
              irq - /gic 38 LevelHigh
              irq - /gic 39 LevelHigh
              irq - /gic 40 LevelHigh
            ! /bare AmbaWithoutRegisters
        "#]],
    );
}

#[test]
fn addresses_go_through_every_bus_and_stop_where_one_has_no_place() {
    check(
        r#"/ {
            #address-cells = <2>; #size-cells = <2>;
            outer {
                compatible = "simple-bus";
                #address-cells = <1>; #size-cells = <1>;
                ranges = <0x0 0x4 0x0 0x1000>, <0x100000 0x5 0x0 0x10000>;
                inner {
                    compatible = "simple-bus";
                    #address-cells = <2>; #size-cells = <1>;
                    ranges = <0 0 0x100000 0x1000>, <1 0 0x101000 0x1000>;
                    a { compatible = "a"; reg = <0 0x10 4>, <1 0x20 4>; reg-names = "zero", "one"; };
                    b { compatible = "b"; reg = <1 0x30 4>, <2 0 4>, <1 0x40 4>; };
                    c { compatible = "c"; reg = <0 0x50 0>; };
                };
                flat {
                    compatible = "simple-bus"; ranges;
                    d { compatible = "d"; reg = <0x800 0x10>; };
                };
                closed {
                    compatible = "simple-bus";
                    e { compatible = "e"; reg = <0x800 0x10>; };
                };
            };
            isa { compatible = "isa"; ranges = <1 0 0x8 0x0 0x1000>, <0 0 0x9 0x0 0x1000>;
                port { compatible = "f"; reg = <1 0x60 1>; };
                mem { compatible = "g"; reg = <0 0x60 1>; };
            };
        };"#,
        expect![[r#"
            outer
            outer:inner
            500000010.a
              reg zero 0x500000010+0x4
              reg one 0x500001020+0x4
            500001030.b
              reg - 0x500001030+0x4
            500000050.c
              reg - 0x500000050+0x0
            outer:flat
            400000800.d
              reg - 0x400000800+0x10
            outer:closed
            outer:closed:e
            isa
            800000060.port
            900000060.mem
              reg - 0x900000060+0x1
            ! /outer/inner/b Untranslatable { index: 1, address: 8589934592, bus: "/outer/inner" }
            ! /outer/inner/c Extent { index: 0, base: 21474836560, size: 0 }
            ! /isa/port Untranslatable { index: 0, address: 96, bus: "/isa" }
        "#]],
    );
}

#[test]
fn of_rows_that_overlap_the_first_is_meant_and_it_is_said() {
    check(
        r#"/ {
            #address-cells = <1>; #size-cells = <1>;
            soc { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
                ranges = <0x1000 0x20000000 0x2000>, <0x0 0x10000000 0x1001>;
                a@1000 { compatible = "a"; reg = <0x1000 0x10>; };
            };
            apart { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>;
                ranges = <0x1000 0x30000000 0x1000>, <0x0 0x40000000 0x1000>, <0x1000 0x50000000 0>, <0x1800 0x30000800 0x100>;
            };
        };"#,
        expect![[r#"
            soc
            20000000.a
              reg - 0x20000000+0x10
            apart
            ! /soc RangesOverlap { one: 0, other: 4096 }
        "#]],
    );
}

#[test]
fn interrupts_find_their_controller_through_parents_and_maps() {
    check(
        r#"/ {
            #address-cells = <1>; #size-cells = <1>;
            interrupt-parent = <&gic>;
            gic: gic {
                compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
                #address-cells = <2>; #size-cells = <2>;
            };
            gpio: gpio {
                compatible = "acme,gpio"; interrupt-controller; #interrupt-cells = <2>; interrupts = <0 1 4>;
            };
            plic: plic { compatible = "riscv,plic0"; interrupt-controller; #interrupt-cells = <1>; };
            nexus: nexus {
                compatible = "acme,nexus"; #interrupt-cells = <1>; #address-cells = <1>;
                interrupt-map-mask = <0x0 7>;
                interrupt-map = <0 1 &gic 0 0 0 50 1>, <0 2 &gpio 7 8>;
            };
            plain { compatible = "a"; interrupts = <0 10 4>, <1 11 8>, <0 12 1>, <0 13 2>, <0 14 3>, <0 15 0>, <2 1 4>; };
            extended { compatible = "b"; interrupts-extended = <&gpio 3 2>, <&plic 9>, <&gic 0 2 4>;
                interrupt-names = "pin", "line"; };
            mapped@8 { compatible = "c"; reg = <8 4>; interrupts-extended = <&nexus 1>, <&nexus 0xa>, <&nexus 3>, <&nexus 1>; };
            child { compatible = "simple-bus"; interrupt-parent = <&gpio>; leaf { compatible = "d"; interrupts = <5 4>; }; };
            lost { compatible = "e"; interrupt-parent = <0x77>; interrupts = <1 2 3>; };
        };"#,
        expect![[r#"
            gic
            gpio
              irq - /gic 33 LevelHigh
            plic
            nexus
            plain
              irq - /gic 42 LevelHigh
              irq - /gic 27 LevelLow
              irq - /gic 44 EdgeRising
              irq - /gic 45 EdgeFalling
              irq - /gic 46 EdgeBoth
              irq - /gic 47 Unsaid
              irq - /gic 4097 LevelHigh
            extended
              irq pin /gpio 3 EdgeFalling
              irq line /plic 9 Unsaid
              irq - /gic 34 LevelHigh
            8.mapped
              reg - 0x8+0x4
              irq - /gic 82 EdgeRising
              irq - /gpio 7 LevelLow
            child
            child:leaf
              irq - /gpio 5 LevelHigh
            lost
            ! /plain NoTrigger { index: 5, taken: Unsaid }
            ! /mapped@8 NoController { index: 2 }
            ! /lost NoController { index: 0 }
        "#]],
    );
}

#[test]
fn references_take_as_many_cells_as_their_provider_says() {
    check(
        r#"/ {
            smmu: smmu { compatible = "arm,smmu-v3"; #iommu-cells = <1>; };
            off: off { compatible = "arm,mmu-500"; #iommu-cells = <2>; status = "disabled"; };
            rst: rst { compatible = "r"; #reset-cells = <2>; };
            clk: clk { compatible = "k"; #clock-cells = <0>; };
            bad: bad { compatible = "k"; };
            pd: pd { #power-domain-cells = <1>; };
            vdd: vdd { };
            pool: pool { };
            gpio: gpio { #gpio-cells = <2>; };
            dev {
                compatible = "d";
                iommus = <&smmu 5>, <&smmu 6>, <&off 1 2>;
                resets = <&rst 1 2>, <&rst 3 4>; reset-names = "core", "bus";
                clocks = <&clk>, <0>, <&clk>, <&bad>, <&clk>; clock-names = "a", "none", "b", "c", "d";
                power-domains = <&pd 7>;
                vdd-supply = <&vdd>; memory-region = <&pool>;
                reset-gpios = <&gpio 1 0>; snps,nr-gpios = <4>;
                phys = <0x99 1>; dmas = <&rst 1>;
                pinctrl-0 = <&pool>, <&vdd>;
            };
            short { compatible = "s"; resets = <&rst 1>; };
        };"#,
        expect![[r##"
            smmu
            rst
            clk
            bad
            dev
              iommu - /smmu [5]
              iommu - /smmu [6]
              iommu - /off [1, 2]
              reset core /rst [1, 2]
              reset bus /rst [3, 4]
              clock a /clk []
              clock b /clk []
              power - /pd [7]
              Supply vdd /vdd []
              Memory - /pool []
              Gpio reset /gpio [1, 0]
              Pinctrl 0 /pool []
              Pinctrl 0 /vdd []
            short
            ! /dev ProviderDisabled { kind: Iommu, provider: "/off" }
            ! /dev NoCells { property: "clocks", index: 3, provider: "/bad", cells: "#clock-cells" }
            ! /dev NoProvider { property: "phys", index: 0, phandle: 153 }
            ! /dev NoCells { property: "dmas", index: 0, provider: "/rst", cells: "#dma-cells" }
            ! /short FewCells { property: "resets", index: 0, provider: "/rst", want: 2, have: 1 }
        "##]],
    );
}

#[test]
fn dma_is_coherent_and_shifted_as_the_nearest_bus_above_says() {
    check(
        r#"/ {
            #address-cells = <2>; #size-cells = <2>;
            own { compatible = "a"; dma-coherent; };
            bus {
                compatible = "simple-bus"; dma-coherent;
                #address-cells = <1>; #size-cells = <1>;
                ranges; dma-ranges = <0x80000000 0x1 0x0 0x40000000>;
                inherits { compatible = "b"; };
                not { compatible = "c"; dma-noncoherent; };
                inner {
                    compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges;
                    dma-ranges = <0 0x80001000 0x1000>;
                    deep { compatible = "d"; };
                };
            };
            noc: noc {
                #interconnect-cells = <0>; dma-coherent;
                #address-cells = <1>; #size-cells = <1>; dma-ranges = <0x0 0x0 0x40000000 0x1000>;
            };
            other { compatible = "e"; interconnects = <&noc>, <&noc>; interconnect-names = "x", "dma-mem"; };
        };"#,
        expect![[r#"
            own coherent
            bus coherent
            bus:inherits coherent
              dma 0x80000000 is 0x100000000+0x40000000
            bus:not
              dma 0x80000000 is 0x100000000+0x40000000
            bus:inner coherent
              dma 0x80000000 is 0x100000000+0x40000000
            bus:inner:deep coherent
              dma 0x0 is 0x100001000+0x1000
            other coherent
              dma 0x0 is 0x40000000+0x1000
              Interconnect x /noc []
              Interconnect dma-mem /noc []
        "#]],
    );
}

#[test]
fn risc_v_is_coherent_unless_told_otherwise() {
    check(
        r#"/ {
            cpus { cpu@0 { compatible = "sifive,u74", "riscv"; }; };
            yes { compatible = "a"; };
            no { compatible = "b"; dma-noncoherent; };
        };"#,
        expect![[r#"
            yes coherent
            no
        "#]],
    );
}

#[test]
fn two_devices_of_one_name_are_one() {
    check(
        r#"/ {
            #address-cells = <1>; #size-cells = <1>;
            a@10 { compatible = "a"; reg = <0x10 4>; };
            bus { compatible = "simple-bus"; ranges; a@10 { compatible = "a"; reg = <0x10 4>; }; };
        };"#,
        expect![[r#"
            10.a
              reg - 0x10+0x4
            bus
            ! /bus/a@10 NameTaken { name: "10.a", other: "/a@10" }
        "#]],
    );
}
