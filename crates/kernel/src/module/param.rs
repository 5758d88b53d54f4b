//! Module parameters: typed values with a name, set on the command line and read and written through sysfs.
//!
//! In Linux they are `module_param()` (include/linux/moduleparam.h) and kernel/params.c: `/sys/module/M/parameters/P` prints a
//! boolean as `Y` or `N` and takes what `kstrtobool` and `kstrtoint` take. Reading a parameter takes no lock of the control plane,
//! so a driver may read its own while it probes.

use std::collections::BTreeMap;

use super::ModuleName;
use crate::errno::{self, Errno};
use crate::sync::Mutex;

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// `module_param(.., bool, ..)`.
    Bool(bool),
    /// `module_param(.., int, ..)`.
    Int(i32),
    /// `module_param(.., uint, ..)`.
    Uint(u32),
}

impl Value {
    /// What sysfs shows, newline included.
    #[must_use]
    pub fn show(self) -> String {
        match self {
            Value::Bool(true) => "Y\n".to_owned(),
            Value::Bool(false) => "N\n".to_owned(),
            Value::Int(number) => format!("{number}\n"),
            Value::Uint(number) => format!("{number}\n"),
        }
    }

    /// A value of the same kind from what somebody wrote (`param_set_bool`, `param_set_int`, `param_set_uint`).
    fn parse(self, text: &str) -> Result<Value, BadValue> {
        match self {
            Value::Bool(_) => parse_bool(text).map(Value::Bool).ok_or(BadValue::NotABoolean),
            Value::Int(_) => {
                let number = parse_integer(text)?;
                i32::try_from(number).map(Value::Int).map_err(|_| BadValue::OutOfRange)
            }
            Value::Uint(_) => {
                let number = parse_integer(text)?;
                u32::try_from(number).map(Value::Uint).map_err(|_| BadValue::OutOfRange)
            }
        }
    }
}

/// `kstrtobool`: only the first one or two characters count.
fn parse_bool(text: &str) -> Option<bool> {
    let mut characters = text.chars().map(|c| c.to_ascii_lowercase());
    match characters.next()? {
        'y' | 't' | '1' => Some(true),
        'n' | 'f' | '0' => Some(false),
        'o' => match characters.next()? {
            'n' => Some(true),
            'f' => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// `kstrtoll` with base 0: decimal, `0x` hexadecimal, leading `0` octal, and one newline at the end.
fn parse_integer(text: &str) -> Result<i64, BadValue> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(BadValue::NotAnInteger);
    }
    let magnitude = i64::from_str_radix(digits, radix).map_err(|_| BadValue::OutOfRange)?;
    Ok(if negative { -magnitude } else { magnitude })
}

/// Whether a program may write a parameter while the module is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `0444`.
    ReadOnly,
    /// `0644`.
    ReadWrite,
}

/// One parameter a module declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name, without the module's.
    pub name: &'static str,
    /// Its kind and what it is when nobody set it.
    pub default: Value,
    /// Who may write it.
    pub mode: Mode,
}

/// Why a text is no value for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// A boolean is `Y`, `N`, `1`, `0`, `on` or `off`.
    #[error("not a boolean")]
    NotABoolean,
    /// No digits, or something that is no digit.
    #[error("not an integer")]
    NotAnInteger,
    /// More than the parameter's type holds.
    #[error("out of range")]
    OutOfRange,
}

/// Why a parameter could not be read or set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// No loaded module has this name.
    #[error("no module {module}")]
    NoModule {
        /// The module asked for.
        module: String,
    },
    /// The module has no such parameter.
    #[error("module {module} has no parameter {name}")]
    NoParam {
        /// The module.
        module: String,
        /// The parameter asked for.
        name: String,
    },
    /// The parameter cannot be changed while the module is loaded.
    #[error("parameter {name} of module {module} is read-only")]
    ReadOnly {
        /// The module.
        module: String,
        /// The parameter.
        name: String,
    },
    /// The text is no value for it.
    #[error("{value:?} is no value for parameter {name} of module {module}: {why}")]
    Invalid {
        /// The module.
        module: String,
        /// The parameter.
        name: String,
        /// What was written.
        value: String,
        /// Why not.
        why: BadValue,
    },
    /// The text is not of the form `MODULE.NAME=VALUE`.
    #[error("{text:?} is not MODULE.NAME=VALUE")]
    Malformed {
        /// The text.
        text: String,
    },
}

impl ParamError {
    /// What a program sees.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            ParamError::NoModule { .. } | ParamError::NoParam { .. } => errno::ENOENT,
            ParamError::ReadOnly { .. } => errno::EACCES,
            ParamError::Invalid { why: BadValue::OutOfRange, .. } => errno::ERANGE,
            ParamError::Invalid { .. } | ParamError::Malformed { .. } => errno::EINVAL,
        }
    }
}

/// One setting of the command line, `MODULE.NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    module: ModuleName,
    name: String,
    value: String,
}

impl Setting {
    /// What a program that loads a module passes with it: `NAME=VALUE NAME=VALUE` (`parse_args`, kernel/params.c).
    #[must_use]
    pub fn arguments(module: &ModuleName, text: &str) -> Vec<Self> {
        let setting = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or((word, "1"));
            Self { module: module.clone(), name: name.replace('-', "_"), value: value.to_owned() }
        };
        text.split_ascii_whitespace().map(setting).collect()
    }

    /// The module it is for.
    #[must_use]
    pub fn module(&self) -> &ModuleName {
        &self.module
    }

    /// The parameter it sets.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}={}", self.module, self.name, self.value)
    }
}

impl std::str::FromStr for Setting {
    type Err = ParamError;

    /// `vfio-platform.reset_required=0`; a boolean may leave `=VALUE` out, as on a kernel command line.
    fn from_str(text: &str) -> Result<Self, ParamError> {
        let malformed = || ParamError::Malformed { text: text.to_owned() };
        let (name, value) = text.split_once('=').unwrap_or((text, "1"));
        let (module, name) = name.split_once('.').ok_or_else(malformed)?;
        if module.is_empty() || name.is_empty() {
            return Err(malformed());
        }
        Ok(Setting { module: ModuleName::new(module), name: name.replace('-', "_"), value: value.to_owned() })
    }
}

/// The parameters of all modules: the settings of the command line, and the values of the modules that are loaded.
#[derive(Debug, Default)]
pub struct Params {
    settings: Vec<Setting>,
    live: Mutex<BTreeMap<ModuleName, Vec<Live>>>,
}

#[derive(Debug)]
struct Live {
    spec: ParamSpec,
    value: Value,
}

impl Params {
    /// With the settings of a command line; each module takes its own when it is loaded.
    #[must_use]
    pub fn new(settings: Vec<Setting>) -> Self {
        Self { settings, live: Mutex::default() }
    }

    /// The settings of the command line.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// A module comes: its parameters take their defaults, then the command line's settings, then those of `arguments`
    /// (what `modprobe` passes). Settings that name no parameter of it are returned, as Linux ignores them with a warning.
    ///
    /// # Errors
    /// Where a setting's value is none for its parameter; the module is then not there.
    pub(crate) fn load(
        &self,
        module: &ModuleName,
        specs: &[ParamSpec],
        arguments: &[Setting],
    ) -> Result<Vec<Setting>, ParamError> {
        let mut values: Vec<Live> =
            specs.iter().map(|spec| Live { spec: *spec, value: spec.default }).collect();
        let mut unknown = Vec::new();
        for setting in self.settings.iter().chain(arguments).filter(|setting| setting.module == *module) {
            match values.iter_mut().find(|live| live.spec.name == setting.name) {
                Some(live) => live.value = parse(setting, live.value)?,
                None => unknown.push(setting.clone()),
            }
        }
        crate::lock(&self.live).insert(module.clone(), values);
        Ok(unknown)
    }

    /// A module goes.
    pub(crate) fn unload(&self, module: &ModuleName) {
        crate::lock(&self.live).remove(module);
    }

    /// The value of a parameter of a loaded module.
    #[must_use]
    pub fn get(&self, module: &str, name: &str) -> Option<Value> {
        self.find(module, name).map(|(_, value)| value)
    }

    /// A boolean parameter; `false` where the module is not loaded or has none of this name and kind.
    #[must_use]
    pub fn bool(&self, module: &str, name: &str) -> bool {
        matches!(self.get(module, name), Some(Value::Bool(true)))
    }

    /// The parameter's declaration.
    #[must_use]
    pub fn spec(&self, module: &str, name: &str) -> Option<ParamSpec> {
        self.find(module, name).map(|(spec, _)| spec)
    }

    /// The parameters of a loaded module, in their order.
    #[must_use]
    pub fn of(&self, module: &str) -> Vec<(ParamSpec, Value)> {
        crate::lock(&self.live)
            .get(&ModuleName::new(module))
            .map(|live| live.iter().map(|live| (live.spec, live.value)).collect())
            .unwrap_or_default()
    }

    fn find(&self, module: &str, name: &str) -> Option<(ParamSpec, Value)> {
        let live = crate::lock(&self.live);
        let values = live.get(&ModuleName::new(module))?;
        values.iter().find(|live| live.spec.name == name).map(|live| (live.spec, live.value))
    }

    /// A program writes a parameter of a loaded module.
    ///
    /// # Errors
    /// Where there is none, it is read-only, or the text is no value for it.
    pub fn write(&self, module: &str, name: &str, text: &str) -> Result<(), ParamError> {
        let mut live = crate::lock(&self.live);
        let module = ModuleName::new(module);
        let Some(values) = live.get_mut(&module) else {
            return Err(ParamError::NoModule { module: module.to_string() });
        };
        let Some(live) = values.iter_mut().find(|live| live.spec.name == name) else {
            return Err(ParamError::NoParam { module: module.to_string(), name: name.to_owned() });
        };
        if live.spec.mode == Mode::ReadOnly {
            return Err(ParamError::ReadOnly { module: module.to_string(), name: name.to_owned() });
        }
        let setting = Setting { module, name: name.to_owned(), value: text.to_owned() };
        live.value = parse(&setting, live.value)?;
        Ok(())
    }
}

fn parse(setting: &Setting, like: Value) -> Result<Value, ParamError> {
    like.parse(&setting.value).map_err(|why| ParamError::Invalid {
        module: setting.module.to_string(),
        name: setting.name.clone(),
        value: setting.value.clone(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[ParamSpec] = &[
        ParamSpec { name: "reset_required", default: Value::Bool(true), mode: Mode::ReadOnly },
        ParamSpec { name: "limit", default: Value::Uint(65535), mode: Mode::ReadWrite },
        ParamSpec { name: "unsafe", default: Value::Bool(false), mode: Mode::ReadWrite },
    ];

    fn loaded(settings: &[&str]) -> Result<(Params, Vec<Setting>), ParamError> {
        let settings = settings.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        let params = Params::new(settings);
        let unknown = params.load(&ModuleName::new("vfio-x"), SPECS, &[])?;
        Ok((params, unknown))
    }

    #[test]
    fn the_command_line_sets_what_the_module_declares() {
        let (params, unknown) =
            loaded(&["vfio-x.reset_required=0", "vfio_x.nothing=1", "other.a=1"]).unwrap();
        assert!(!params.bool("vfio_x", "reset_required"));
        assert_eq!(params.get("vfio-x", "limit"), Some(Value::Uint(65535)));
        assert_eq!(unknown.iter().map(ToString::to_string).collect::<Vec<_>>(), ["vfio_x.nothing=1"]);
    }

    #[test]
    fn a_write_is_checked() {
        let (params, _) = loaded(&[]).unwrap();
        params.write("vfio-x", "unsafe", "Y\n").unwrap();
        assert!(params.bool("vfio-x", "unsafe"));
        params.write("vfio-x", "limit", "0x10\n").unwrap();
        assert_eq!(params.get("vfio-x", "limit"), Some(Value::Uint(16)));
        let errno =
            |name: &str, text: &str| params.write("vfio-x", name, text).map_err(|error| error.errno());
        assert_eq!(errno("unsafe", "maybe"), Err(errno::EINVAL));
        assert_eq!(errno("limit", "-1"), Err(errno::ERANGE));
        assert_eq!(errno("limit", ""), Err(errno::EINVAL));
        assert_eq!(errno("limit", "09"), Err(errno::EINVAL));
        assert_eq!(errno("reset_required", "0"), Err(errno::EACCES));
        assert_eq!(errno("nothing", "0"), Err(errno::ENOENT));
        assert_eq!(params.get("vfio-x", "limit"), Some(Value::Uint(16)));
    }

    #[test]
    fn a_program_passes_settings_with_a_module() {
        let params = Params::new(vec!["vfio_x.limit=1".parse().unwrap()]);
        let module = ModuleName::new("vfio-x");
        let arguments = Setting::arguments(&module, "limit=7  unsafe other=2\0");
        let unknown = params.load(&module, SPECS, &arguments).unwrap();
        assert_eq!(params.get("vfio_x", "limit"), Some(Value::Uint(7)));
        assert!(params.bool("vfio_x", "unsafe"));
        assert_eq!(unknown.len(), 1);
    }

    #[test]
    fn a_bad_setting_keeps_the_module_out() {
        assert_eq!(loaded(&["vfio-x.limit=many"]).unwrap_err().errno(), errno::EINVAL);
        assert!(matches!("novalue".parse::<Setting>(), Err(ParamError::Malformed { .. })));
        assert!(matches!(".x=1".parse::<Setting>(), Err(ParamError::Malformed { .. })));
    }
}
