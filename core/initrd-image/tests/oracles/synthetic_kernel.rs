//! A small kernel's directory: modules compiled here, with every kind of statement that the indexes are made of.

use crate::support::{compile, put};
use file_tree::tree::FileTree;

/// The version of the synthetic kernel.
pub const VERSION: &str = "6.12.0-test";
/// Its directory.
pub const DIRECTORY: &str = "/usr/lib/modules/6.12.0-test";

/// What a module is made of.
#[derive(Default)]
struct Source {
    path: &'static str,
    info: &'static [&'static str],
    exports: &'static [&'static str],
    /// Exports with a version, as kernels with CONFIG_MODVERSIONS have them.
    versioned: &'static [&'static str],
    imports: &'static [&'static str],
}

const MODULES: [Source; 7] = [
    Source {
        path: "kernel/lib/leaf-one.ko",
        info: &["license=GPL", "alias=crypto-leaf", "alias=pci:v00001AF4d*sv*sd[0-9-]bc*"],
        exports: &["leaf_one_read", "leaf_one_write"],
        versioned: &[],
        imports: &["kmalloc"],
    },
    Source {
        path: "kernel/lib/leaf_two.ko",
        info: &["alias=pci:v00001AF4d*sv*sd[0-9-]bc*", "alias=leaf-two-alias", "alias=leaf-two-alias"],
        exports: &[],
        versioned: &["leaf_two"],
        imports: &[],
    },
    Source {
        path: "kernel/drivers/md/middle.ko",
        info: &["alias=devname:mapper/control", "alias=char-major-10-236", "weakdep=side"],
        exports: &["middle"],
        versioned: &[],
        imports: &["leaf_two", "leaf_one_write", "leaf_one_read"],
    },
    Source {
        path: "kernel/drivers/md/top-most.ko",
        info: &[
            "softdep=pre: crypto-leaf post: side nowhere",
            "firmware=vendor/top.bin",
            "firmware=vendor/absent.bin",
            "alias=block-major-7-*",
        ],
        exports: &[],
        versioned: &[],
        imports: &["middle", "leaf_two", "printk"],
    },
    Source { path: "kernel/sound/side.ko", info: &["alias=snd-*"], exports: &["side"], versioned: &[], imports: &[] },
    Source {
        path: "kernel/sound/codec.ko",
        info: &["alias=ask", "alias=ate", "alias=on", "alias=once", "alias=one"],
        exports: &[],
        versioned: &[],
        imports: &["side"],
    },
    Source { path: "kernel/fs/plain.ko", info: &["license=GPL"], exports: &[], versioned: &[], imports: &[] },
];

/// The kernel's directory in a tree of its own. `modules.order` is not the order of names, as in real kernels.
pub fn kernel() -> FileTree {
    let mut tree = FileTree::new();
    for module in &MODULES {
        put(&mut tree, &format!("{DIRECTORY}/{}", module.path), compile(&module.text()));
    }
    let order: Vec<&str> = [3, 0, 5, 2, 6, 1, 4].iter().map(|position: &usize| MODULES[*position].path).collect();
    put(&mut tree, &format!("{DIRECTORY}/modules.order"), order.join("\n") + "\n");
    let builtin = "kernel/fs/ext4/ext4.ko\nkernel/drivers/char/tpm/tpm-tis.ko\nkernel/lib/ext.ko\n";
    put(&mut tree, &format!("{DIRECTORY}/modules.builtin"), builtin);
    let info =
        "ext4.license=GPL\0ext4.alias=fs-ext4\0ext4.alias=ext3\0tpm_tis.alias=acpi*:MSFT0101:*\0ext.alias=fs-ext4\0";
    put(&mut tree, &format!("{DIRECTORY}/modules.builtin.modinfo"), info);
    put(&mut tree, "/usr/lib/firmware/vendor/top.bin", "firmware");
    tree
}

impl Source {
    fn text(&self) -> String {
        let strings = |list: &[&str]| list.iter().map(|text| format!("\"{text}\\0\"")).collect::<String>();
        let mut text = String::new();
        let mut section = |name: &str, list: &[&str]| {
            if !list.is_empty() {
                let variable = name.trim_start_matches(['.', '_']);
                text.push_str(&format!(
                    "static const char {variable}[] __attribute__((section(\"{name}\"), used)) = {};\n",
                    strings(list)
                ));
            }
        };
        section(".modinfo", self.info);
        section("__ksymtab_strings", self.exports);
        for name in self.exports.iter().chain(self.versioned) {
            text.push_str(&format!("void {name}(void) {{}}\n"));
        }
        for name in self.versioned {
            text.push_str(&format!("asm(\".globl __crc_{name}; .set __crc_{name}, 0x12345678\");\n"));
        }
        for name in self.imports {
            text.push_str(&format!("void {name}(void);\n"));
        }
        let calls: String = self.imports.iter().map(|name| format!("{name}(); ")).collect();
        text.push_str(&format!("void init_module(void) {{ {calls}}}\n"));
        text
    }
}
