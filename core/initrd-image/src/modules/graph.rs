//! Which module needs which: hard dependencies by symbol, in the order that loads them.

use super::{ModuleSet, ModulesError};
use std::collections::{BTreeSet, HashMap};

/// Hard dependencies among the modules of a set, by position in it.
#[derive(Clone, Debug)]
pub struct Graph {
    direct: Vec<Vec<usize>>,
    /// Position in the topological order: users before what they use.
    rank: Vec<usize>,
}

impl Graph {
    /// Computes the dependencies: a module needs the modules that export the symbols it imports.
    ///
    /// # Errors
    /// When modules need one another in a circle; the kernel could load none of them.
    pub fn new(set: &ModuleSet) -> Result<Self, ModulesError> {
        let mut owner: HashMap<&str, usize> = HashMap::new();
        for (position, module) in set.modules.iter().enumerate() {
            for symbol in &module.info.exports {
                // A symbol exported twice belongs to the later module, as depmod has it.
                owner.insert(symbol, position);
            }
        }
        let mut direct = Vec::with_capacity(set.modules.len());
        for module in &set.modules {
            let mut needed = Vec::new();
            for symbol in &module.info.imports {
                // PowerPC's function descriptors: ".name" is "name".
                let symbol = symbol.strip_prefix('.').unwrap_or(symbol);
                if let Some(position) = owner.get(symbol)
                    && !needed.contains(position)
                {
                    needed.push(*position);
                }
            }
            direct.push(needed);
        }
        let rank = topological_rank(&direct).map_err(|stuck| ModulesError::Cycle {
            modules: stuck.iter().map(|position| set.modules[*position].name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        for needed in &mut direct {
            needed.sort_by_key(|position| rank[*position]);
        }
        Ok(Self { direct, rank })
    }

    /// What a module needs itself.
    #[must_use]
    pub fn direct(&self, module: usize) -> &[usize] {
        &self.direct[module]
    }

    /// Everything a module needs, users before what they use: to be loaded from the last to the first.
    #[must_use]
    pub fn all(&self, module: usize) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let mut pending = self.direct[module].clone();
        while let Some(next) = pending.pop() {
            if seen.insert(next) {
                pending.extend(&self.direct[next]);
            }
        }
        let mut all: Vec<usize> = seen.into_iter().collect();
        all.sort_by_key(|position| self.rank[*position]);
        all
    }
}

/// Orders users before what they use. Takes the last ready module first, as depmod does: the order shows in `modules.dep`.
/// The error lists the modules that never became ready.
fn topological_rank(direct: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut users = vec![0_usize; direct.len()];
    for needed in direct.iter().flatten() {
        users[*needed] += 1;
    }
    let mut ready: Vec<usize> = (0..direct.len()).filter(|position| users[*position] == 0).collect();
    let mut rank = vec![usize::MAX; direct.len()];
    let mut next = 0;
    while let Some(position) = ready.pop() {
        rank[position] = next;
        next += 1;
        for needed in &direct[position] {
            users[*needed] -= 1;
            if users[*needed] == 0 {
                ready.push(*needed);
            }
        }
    }
    if next < direct.len() {
        return Err((0..direct.len()).filter(|position| rank[*position] == usize::MAX).collect());
    }
    Ok(rank)
}
