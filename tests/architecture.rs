//! The import rules that the folders promise: a module uses only what stands below it.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first; modules of one line do not know each other.
const LAYERS: &[&[&str]] = &[
    &["error", "clock", "process", "file"],
    &["runtime"],
    &["access", "value", "reference"],
    &["audit", "limits", "measure", "egress"],
    &["preview"],
    &["entry"],
    &["backend"],
    &["cache"],
    &["portable"],
    &["blocking"],
    &["python"],
];

/// Modules that decide purely: no clock, no lock held over time, no I/O, no async.
const PURE: &[&str] = &["access", "limits", "measure", "egress", "preview"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(root()).unwrap();
    let first = relative
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Lines of code, without comments and documentation.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_module_has_its_layer() {
    for path in sources(&root()) {
        let module = module_of(&path);
        assert!(
            module == "lib" || layer(&module).is_some(),
            "{module} has no layer"
        );
    }
}

#[test]
fn modules_use_only_what_stands_below_them() {
    for path in sources(&root()) {
        let module = module_of(&path);
        let Some(own) = layer(&module) else { continue };
        for line in code(&path) {
            for used in line.split("crate::").skip(1) {
                let used: String = used
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let Some(other) = layer(&used) else { continue };
                assert!(
                    used == module || other < own,
                    "{} uses crate::{used}: {line}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn only_the_python_folder_knows_python() {
    for path in sources(&root())
        .into_iter()
        .filter(|path| module_of(path) != "python")
    {
        for line in code(&path) {
            assert!(!line.contains("pyo3"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn only_the_clock_looks_at_the_wall() {
    for path in sources(&root())
        .into_iter()
        .filter(|path| module_of(path) != "clock")
    {
        for line in code(&path) {
            assert!(!line.contains("SystemTime::"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn pure_modules_neither_wait_nor_read_nor_write() {
    for path in sources(&root())
        .into_iter()
        .filter(|path| PURE.contains(&&*module_of(path)))
    {
        for line in code(&path) {
            for effect in [
                "async fn",
                ".await",
                "std::fs",
                "std::net",
                "std::thread::spawn",
                "Instant::now",
            ] {
                assert!(!line.contains(effect), "{}: {line}", path.display());
            }
        }
    }
}
