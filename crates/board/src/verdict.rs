//! The verdicts: each device of a board judged by itself and with all that have to go with it.

use uvfio_firmware::{Board, Bus, NodeId, Reference};

use crate::bond::{Bond, BondKind};
use crate::bridge::{self, Bridge};
use crate::grouping::{self, Group};
use crate::index::{self, Index};
use crate::interrupt::{self, Line};
use crate::options::{Options, Weakenings};
use crate::page;
use crate::propagate::{Cause, Ties};
use crate::reset::{self, ResetFacts, ResetLine};
use crate::supply;
use crate::{Blocker, Blockers, Caution, Cautions, DeviceIndex};

/// What can be done with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It can be handed out by itself.
    Yes,
    /// It can be handed out with the others of [`Verdicts::together`].
    Together,
    /// It cannot: something is in its own way, or in that of one that would have to go with it.
    No,
}

/// What was found of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The answer, with what was given up from the start.
    pub verdict: Verdict,
    /// What stands in its own way, lifted or not.
    pub blockers: Blockers,
    /// What is worth knowing.
    pub cautions: Cautions,
    /// Its group, as an index in [`Verdicts::groups`].
    pub group: Option<usize>,
    /// What can reset it.
    pub reset: ResetFacts,
    /// Where nothing stands in its own way: the bond through which something does, and the device on its other end.
    pub cause: Option<(usize, DeviceIndex)>,
    /// Whether giving up more would free it.
    pub can_be_freed: bool,
}

/// How many devices have which answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By themselves.
    pub yes: usize,
    /// With others.
    pub together: usize,
    /// Not.
    pub no: usize,
    /// Of those that cannot: they could where more is given up.
    pub could: usize,
}

/// The verdicts over a board.
pub struct Verdicts {
    /// What was asked.
    pub options: Options,
    /// For each device of the board, in its order.
    pub devices: Vec<Judged>,
    /// What ties devices together.
    pub bonds: Vec<Bond>,
    /// The IOMMU groups, by their number.
    pub groups: Vec<Group>,
    /// Reset lines with two or more users.
    pub reset_lines: Vec<ResetLine>,
    /// Interrupt lines with two or more users.
    pub interrupt_lines: Vec<Line>,
    /// Bridges to PCI and other buses whose devices are found.
    pub bridges: Vec<Bridge>,
    ties: Ties,
}

impl Verdicts {
    /// Judge every device of a board.
    #[must_use]
    pub fn of(board: &Board, options: Options) -> Verdicts {
        let index = Index::of(board);
        let referrals = index::referrals(board, &index);
        let mut grouped = grouping::groups(board, &index);
        let resets = reset::resets(board, &index, &referrals);
        let lines = interrupt::lines(board);
        let mut bonds = grouping::bonds(board, &grouped);
        bonds.extend(reset::bonds(&resets.lines));
        bonds.extend(page::bonds(board, options.page));
        bonds.extend(supply::bonds(board, &index, &referrals));
        let ties = Ties::new(board.devices.len(), &bonds);
        let mut verdicts = Verdicts {
            options,
            devices: Vec::with_capacity(board.devices.len()),
            bonds,
            groups: grouped.groups,
            interrupt_lines: lines,
            reset_lines: resets.lines,
            bridges: bridge::bridges(board, &index),
            ties,
        };
        for (at, device) in board.devices.iter().enumerate() {
            let (no_reset, never_reset) = reset::judge(device, &resets.facts[at]);
            let mut blockers: Blockers = grouped.blockers[at].take().into_iter().collect();
            let no_compatible = device.bus == Bus::Platform && device.compatible.is_empty();
            blockers.extend(no_compatible.then_some(Blocker::NoCompatible));
            blockers.extend(device.pci.is_some().then_some(Blocker::PciHost));
            blockers.extend(no_reset);
            let mut cautions: Cautions = never_reset.into_iter().collect();
            let messages = |supplier: &&uvfio_firmware::Supplier| supplier.kind == Reference::Msi;
            if grouped.of[at].is_some() && !device.suppliers.iter().any(|supplier| messages(&supplier)) {
                cautions.push(Caution::InterruptsNotIsolated);
            }
            let memory = device.suppliers.iter().filter(|supplier| supplier.kind == Reference::Memory);
            cautions.extend(memory.map(|one| Caution::ReservedMemory { node: one.specifier.provider }));
            verdicts.devices.push(Judged {
                verdict: Verdict::No,
                blockers,
                cautions,
                group: grouped.of[at],
                reset: resets.facts[at],
                cause: None,
                can_be_freed: false,
            });
        }
        verdicts.add_shared(board);
        verdicts.decide();
        verdicts
    }

    /// What is found by going over lines and windows instead of devices.
    fn add_shared(&mut self, board: &Board) {
        for (device, blocker) in interrupt::blockers(board, &self.interrupt_lines) {
            self.devices[device.at()].blockers.push(blocker);
        }
        for (device, caution) in page::cautions(board) {
            self.devices[device.at()].cautions.push(caution);
        }
        for bond in &self.bonds {
            if let BondKind::Supplies { provider, others, .. } = &bond.kind
                && let Some(&node) = others.first()
            {
                self.devices[provider.at()].blockers.push(Blocker::NeededBeyond { node });
            }
        }
    }

    fn decide(&mut self) {
        let (blocked, causes) = self.blocked(self.options.allowed);
        let (never, _) = self.blocked(Weakenings::every().last().copied().unwrap_or_default());
        for at in 0..self.devices.len() {
            let device = DeviceIndex::new(at);
            let verdict = match blocked[at] {
                true => Verdict::No,
                false if self.is_drawing(device) => Verdict::Together,
                false => Verdict::Yes,
            };
            let judged = &mut self.devices[at];
            judged.verdict = verdict;
            judged.cause = causes[at];
            judged.can_be_freed = verdict == Verdict::No && !never[at];
        }
    }

    /// Who cannot go where so much is given up, and through whom.
    fn blocked(&self, given_up: Weakenings) -> (Vec<bool>, Vec<Option<Cause>>) {
        let stands = |judged: &Judged| judged.blockers.iter().any(|blocker| blocker.stands(given_up));
        let mut blocked: Vec<bool> = self.devices.iter().map(stands).collect();
        let causes = self.ties.spread(&self.bonds, &mut blocked, given_up);
        (blocked, causes)
    }

    /// Whether others have to go where this one goes.
    fn is_drawing(&self, device: DeviceIndex) -> bool {
        let mut bonds = self.ties.drawing(device).map(|at| &self.bonds[at]);
        bonds.any(|bond| {
            bond.holds(self.options.allowed) && bond.members.iter().any(|member| *member != device)
        })
    }

    /// All that have to go where one device goes, itself included, in the order of the board. That they have to go does not mean that
    /// they can.
    #[must_use]
    pub fn together(&self, device: DeviceIndex) -> Vec<DeviceIndex> {
        self.together_at_most(device, usize::MAX)
    }

    /// Likewise, but no more than `most` of them: each device of a large set has the same answer, which one may not want in full.
    #[must_use]
    pub fn together_at_most(&self, device: DeviceIndex, most: usize) -> Vec<DeviceIndex> {
        self.ties.closure(&self.bonds, device, self.options.allowed, most)
    }

    /// The bonds by which a device draws others along, those included that what is given up unties.
    pub fn bonds_of(&self, device: DeviceIndex) -> impl Iterator<Item = &Bond> {
        self.ties.drawing(device).map(|at| &self.bonds[at])
    }

    /// Who is served by a device.
    #[must_use]
    pub fn consumers(&self, device: DeviceIndex) -> Option<&Bond> {
        self.bonds_of(device).find(|bond| matches!(bond.kind, BondKind::Supplies { .. }))
    }

    /// Who serves a device.
    pub fn providers(&self, device: DeviceIndex) -> impl Iterator<Item = DeviceIndex> {
        self.ties.drawn(device).filter_map(|at| match self.bonds[at].kind {
            BondKind::Supplies { provider, .. } => Some(provider),
            _ => None,
        })
    }

    /// For each device the least that has to be given up beside what is given up already, so that it can be handed out, by itself or
    /// with others: nothing where it can be; `None` where no weakening frees it. Of sets of one size the more harmless is taken.
    #[must_use]
    pub fn weakenings(&self) -> Vec<Option<Weakenings>> {
        let mut least: Vec<Option<Weakenings>> = vec![None; self.devices.len()];
        let open = |judged: &&Judged| judged.verdict != Verdict::No || judged.can_be_freed;
        let mut open = self.devices.iter().filter(open).count();
        for set in Weakenings::every() {
            if open == 0 {
                break;
            }
            let (blocked, _) = self.blocked(set.and(self.options.allowed));
            for (least, blocked) in least.iter_mut().zip(blocked) {
                if !blocked && least.is_none() {
                    *least = Some(set.without(self.options.allowed));
                    open -= 1;
                }
            }
        }
        least
    }

    /// How many devices have which answer.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for judged in &self.devices {
            match judged.verdict {
                Verdict::Yes => counts.yes += 1,
                Verdict::Together => counts.together += 1,
                Verdict::No => counts.no += 1,
            }
            counts.could += usize::from(judged.can_be_freed);
        }
        counts
    }

    /// The device at a node.
    #[must_use]
    pub fn device_at(&self, board: &Board, node: NodeId) -> Option<DeviceIndex> {
        board.devices.iter().position(|device| device.node == node).map(DeviceIndex::new)
    }
}
