//! The side outside: does what is asked for on the machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use uvfio_doors::sandbox::Control;
use uvfio_firmware::{Board, Diagnostic, Tree};
use uvfio_kernel::device::{Bus, Device};
use uvfio_kernel::machine::Machine;
use uvfio_kernel::wait::Wait;
use uvfio_vfio::ResetSets;
use uvfio_vfio::personality::Personality;

use super::overlays::Overlays;
use super::{Answer, Done, Request, resets};
use crate::board::remarks;
use crate::bringup::{self, binding};
use crate::explain;
use crate::problem::Problem;

/// A machine as its session sees it.
pub struct Session {
    machine: Arc<Machine>,
    personality: Personality,
    reset_sets: ResetSets,
    overlays: Mutex<Overlays>,
}

impl Session {
    /// Of a machine that is up.
    pub fn of(up: &bringup::Up) -> Self {
        Session {
            machine: Arc::clone(&up.machine),
            personality: *up.vfio.personality(),
            reset_sets: up.vfio.reset_sets(),
            overlays: Mutex::new(Overlays::of(&up.machine.board())),
        }
    }

    /// Do it, or say why not.
    fn perform(&self, message: &[u8], wait: &dyn Wait) -> Result<Done, String> {
        let end = message.iter().position(|byte| *byte == b'\n').unwrap_or(message.len());
        let (line, bytes) = message.split_at(end);
        let bytes = bytes.get(1..).unwrap_or_default();
        match serde_json::from_slice(line)
            .map_err(|error| format!("the request is not understood: {error}"))?
        {
            Request::Bind { devices } => self.bind(&devices, wait).map(Done::from),
            Request::Unbind { devices } => self.unbind(&devices, wait).map(Done::from),
            Request::Reset { device, by } => resets::reset(&self.machine, &device, &by).map(Done::from),
            Request::PlanReset { device, by } => resets::plan(&self.machine, &device, &by).map(Done::from),
            Request::Plug { overlay } => self.plug(&overlay, bytes, wait),
            Request::Unplug { name } => self.unplug(&name, wait).map(Done::from),
        }
    }

    fn bind(&self, names: &[String], wait: &dyn Wait) -> Result<Vec<String>, String> {
        let found = resets::whole_sets(&self.machine, self.reset_sets, self.find(names)?);
        if let Some(problem) =
            found.iter().find_map(|device| binding::needed_by_others(&self.machine, device))
        {
            return Err(problem.to_string());
        }
        let bound = self.machine.bind_set(&set(&found), &self.drivers(), wait);
        Ok(lines(&bound.map_err(|refusal| explain::set(&refusal))?))
    }

    fn unbind(&self, names: &[String], wait: &dyn Wait) -> Result<Vec<String>, String> {
        let found = resets::whole_sets(&self.machine, self.reset_sets, self.find(names)?);
        let unbound = self.machine.unbind_set(&set(&found), &self.drivers(), wait);
        Ok(lines(&unbound.map_err(|refusal| explain::set(&refusal))?))
    }

    fn plug(&self, name: &str, bytes: &[u8], wait: &dyn Wait) -> Result<Done, String> {
        let mut overlays = self.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |why: &dyn std::fmt::Display| format!("cannot plug in {name}: {why}");
        let (tree, with) = overlays.with(name, bytes).map_err(|why| refused(&why))?;
        let before = self.names();
        let (_, known) = Board::from_tree(self.machine.board().tree.clone());
        let notes = self.change(tree, &known, wait).map_err(|why| refused(&why))?;
        *overlays = with;
        let new = self.devices().into_iter().filter(|device| !before.contains(&key(device)));
        Ok(Done { lines: lines(&new.collect::<Vec<_>>()), notes })
    }

    fn unplug(&self, name: &str, wait: &dyn Wait) -> Result<Vec<String>, String> {
        let mut overlays = self.overlays.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = |why: &dyn std::fmt::Display| format!("cannot unplug {name}: {why}");
        if overlays.has(name) {
            let (tree, without) = overlays.without(name).map_err(|why| refused(&why))?;
            let before = self.devices();
            self.change(tree, &[], wait).map_err(|why| refused(&why))?;
            *overlays = without;
            let left = self.names();
            let gone = before.iter().filter(|device| !left.contains(&key(device)));
            return Ok(gone.map(|device| format!("{}: gone", device.name())).collect());
        }
        let (bus, device) = binding::find(&self.machine, name).map_err(|problem| problem.to_string())?;
        let gone = self.machine.unplug(bus, device.name(), wait);
        gone.map_err(|refusal| refused(&explain::machine(&refusal)))?;
        Ok(vec![format!("{name}: gone")])
    }

    /// Let the board be as this tree describes it. Returns what is wrong with that and was not `known`, one line each.
    fn change(&self, tree: Tree, known: &[Diagnostic], wait: &dyn Wait) -> Result<Vec<String>, String> {
        let (board, wrong) = Board::from_tree(tree);
        let notes = self.machine.change_board(board, wait).map_err(|refusal| explain::machine(&refusal))?;
        let wrong = wrong.iter().filter(|one| !known.contains(one)).map(remarks::line);
        Ok(wrong.chain(notes.iter().filter_map(explain::note)).collect())
    }

    fn find(&self, names: &[String]) -> Result<Vec<Arc<Device>>, String> {
        let find = |name: &String| binding::find(&self.machine, name).map(|(_, device)| device);
        names.iter().map(find).collect::<Result<_, Problem>>().map_err(|problem| problem.to_string())
    }

    fn drivers(&self) -> BTreeMap<Bus, String> {
        let driver = |bus| binding::driver(bus, &self.personality).to_owned();
        [Bus::Platform, Bus::Amba].map(|bus| (bus, driver(bus))).into()
    }

    fn devices(&self) -> Vec<Arc<Device>> {
        Bus::ALL.into_iter().flat_map(|bus| self.machine.devices(bus)).collect()
    }

    fn names(&self) -> Vec<(Bus, String)> {
        self.devices().iter().map(key).collect()
    }
}

impl Control for Session {
    fn request(&self, request: &[u8], wait: &dyn Wait) -> Vec<u8> {
        let answer = match self.perform(request, wait) {
            Ok(done) => Answer::Done(done),
            Err(why) => Answer::Refused(why),
        };
        serde_json::to_vec(&answer).expect("an answer is strings, which JSON can hold")
    }
}

fn key(device: &Arc<Device>) -> (Bus, String) {
    (device.bus(), device.name().to_owned())
}

fn set(devices: &[Arc<Device>]) -> Vec<(Bus, &str)> {
    devices.iter().map(|device| (device.bus(), device.name())).collect()
}

/// Each device, the driver it has now, and its group.
fn lines(devices: &[Arc<Device>]) -> Vec<String> {
    devices
        .iter()
        .map(|device| {
            let driver =
                device.driver().map_or_else(|| "no driver".to_owned(), |driver| driver.name().to_owned());
            match device.group() {
                Some(group) => format!("{}: {driver}, group {}", device.name(), group.id()),
                None => format!("{}: {driver}, no group", device.name()),
            }
        })
        .collect()
}
