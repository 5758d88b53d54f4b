//! `init_module`, `finit_module` and `delete_module`: loading and unloading what the machine offers as modules.
//!
//! kernel/module/main.c. modprobe(8) finds a module's file in the sandbox's `lib/modules` and passes it here; the file only holds the
//! module's name. A module that is none of the machine's is between the program and the kernel.

use uvfio_abi::Errno;
use uvfio_kernel::addr::UserAddr;
use uvfio_kernel::module::{ModuleName, Setting};
use uvfio_kernel::wait::{NoWait, Uninterruptible, Wait};
use uvfio_sys::seccomp::Notification;
use uvfio_vfio::caller::Caller;

use super::super::World;
use super::super::caller::Program;
use super::super::crew::Turn;
use super::super::tree::{Item, Thing};
use super::Outcome;
use super::filter;

/// `O_NONBLOCK`: do not wait for a module to become unused.
const NONBLOCK: u64 = 0o4000;
/// Names and parameters are cut off here (`MODULE_NAME_LEN`, `PAGE_SIZE`).
const LONGEST_NAME: usize = 56;
const LONGEST_ARGUMENTS: usize = 4096;

/// Whether a call is one of these.
pub fn is_one(number: u32) -> bool {
    matches!(number, filter::INIT_MODULE | filter::FINIT_MODULE | filter::DELETE_MODULE)
}

/// Serve such a call.
pub fn serve(world: &World, call: &Notification, turn: &Turn) -> Outcome {
    let Ok(program) = Program::of(world, call.pid) else { return Outcome::Answer(Err(Errno::EINTR)) };
    let [first, second, third, ..] = call.args;
    let (module, arguments) = match call.number as u32 {
        filter::DELETE_MODULE => match named(world, &program, UserAddr(first)) {
            Ok(Named::Ours(module)) => (Some(module), None),
            Ok(Named::Nobodys) => return Outcome::Answer(Err(Errno::ENOENT)),
            Ok(Named::Hosts) => (None, None),
            Err(errno) => return Outcome::Answer(Err(errno)),
        },
        filter::FINIT_MODULE => (of_file(world, &program, first as i32), Some(UserAddr(second))),
        _ => (image(world, &program, UserAddr(first), second), Some(UserAddr(third))),
    };
    let Some(module) = module else { return Outcome::Pass };
    // Probing and removing devices may take its time.
    turn.step_down();
    world.settle();
    let result = match arguments {
        Some(arguments) => match text(&program, arguments, LONGEST_ARGUMENTS) {
            Some(arguments) => load(world, &module, &arguments),
            None => Err(Errno::EFAULT),
        },
        None => {
            let wait: &dyn Wait = if second & NONBLOCK != 0 { &NoWait } else { &Uninterruptible };
            let unloaded = world.machine.unload_module(module.as_str(), wait);
            unloaded.map_err(|refusal| Errno(refusal.errno()))
        }
    };
    Outcome::Answer(result.map(|()| 0))
}

fn load(world: &World, module: &ModuleName, arguments: &str) -> Result<(), Errno> {
    let settings = arguments
        .split_ascii_whitespace()
        .map(|word| format!("{module}.{word}").parse::<Setting>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| Errno::EINVAL)?;
    // Parameters a module does not have are ignored, with a warning that nobody here would read.
    let loaded = world.machine.load_module(module.as_str(), &settings);
    loaded.map(|_| ()).map_err(|refusal| Errno(refusal.errno()))
}

/// A module of the machine's with this name.
fn known(world: &World, name: &str) -> Option<ModuleName> {
    world.machine.module(name.trim_end()).map(|facts| facts.name)
}

/// Whose a module's name is.
enum Named {
    Ours(ModuleName),
    Hosts,
    Nobodys,
}

fn named(world: &World, program: &Program<'_>, at: UserAddr) -> Result<Named, Errno> {
    let name = text(program, at, LONGEST_NAME).ok_or(Errno::EFAULT)?;
    Ok(match known(world, &name) {
        Some(module) => Named::Ours(module),
        // What is built in has a directory, too, but cannot be unloaded. A host without modules would say that it has no such call.
        None if world.tree.sys().real().look(&format!("module/{name}/initstate")).is_some() => Named::Hosts,
        None => Named::Nobodys,
    })
}

/// The module whose file a descriptor is.
fn of_file(world: &World, program: &Program<'_>, fd: i32) -> Option<ModuleName> {
    match &*world.tree.thing(program.node(fd)?)? {
        Thing::Session(Item::Module(name)) => Some(name.clone()),
        _ => None,
    }
}

/// The module whose file was read into memory.
fn image(world: &World, program: &Program<'_>, at: UserAddr, len: u64) -> Option<ModuleName> {
    let mut bytes = vec![0; usize::try_from(len).ok().filter(|len| *len <= LONGEST_NAME)?];
    program.read(at, &mut bytes).ok()?;
    known(world, std::str::from_utf8(&bytes).ok()?)
}

/// A string of the program's, up to its NUL, at most so long.
fn text(program: &Program<'_>, at: UserAddr, longest: usize) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while bytes.len() < longest {
        program.read(at.checked_add(bytes.len() as u64)?, &mut byte).ok()?;
        if byte[0] == 0 {
            break;
        }
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).ok()
}
