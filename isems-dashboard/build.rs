//! Embeds the assets: the style sheets as one file, and the scripts, each also compressed with gzip. Their addresses
//! contain a hash of all of them, so that browsers can keep them for ever.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher},
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// The style sheets, in the order in which they apply.
const STYLES: [&str; 3] = ["page.css", "chart.css", "map.css"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let folder = Path::new("assets");
    let mut style = Vec::new();
    for name in STYLES {
        style.extend(fs::read(folder.join(name))?);
    }
    let mut files = vec![("style.css".to_owned(), style)];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("the names of assets are UTF-8")?;
        if path.extension().is_none_or(|extension| extension != "css") {
            files.push((name.to_owned(), fs::read(&path)?));
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    let mut list = String::new();
    for (name, content) in &files {
        hasher.write(content);
        fs::write(out.join(name), content)?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content)?;
        fs::write(out.join(format!("{name}.gz")), encoder.finish()?)?;
        let include = |name: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}\"))");
        let (plain, gzip) = (include(name), include(&format!("{name}.gz")));
        writeln!(list, "Asset {{ name: {name:?}, plain: {plain}, gzip: {gzip} }},")?;
    }
    let version = format!("{:016x}", hasher.finish());
    let source = format!("const VERSION: &str = {version:?};\nstatic ASSETS: &[Asset] = &[\n{list}];\n");
    fs::write(out.join("assets.rs"), source)?;
    Ok(())
}
