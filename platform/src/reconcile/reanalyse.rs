//! Works off re-analyses: keeps a small number of their tasks in the queue.
//!
//! The bound is what keeps clients unharmed: the tasks have a priority below all of theirs, so
//! a worker that is free takes a client's first, and there are never more than the bound that
//! Postgres, Redis and the registries have to carry besides.

use std::time::Duration;

use super::{ReconcileError, Reconciler, count};
use crate::db;
use crate::db::reanalyses::{self, Due};
use crate::db::submit::{self, NewTask, Reuse, Submitted};
use crate::model::{KeyId, Priority, TaskId};
use crate::purl::Purl;
use crate::queue::Entry;

/// Pages of reports that a round looks at for one re-analysis.
const PAGES: usize = 20;

/// How re-analyses are worked off.
#[derive(Debug, Clone, Copy)]
pub struct Reanalyses {
    /// Most tasks of theirs at once.
    pub open: u32,
    /// How long an attempt may run.
    pub timeout: Duration,
    /// How often a worker may try.
    pub max_attempts: u32,
}

impl Reconciler {
    /// Queues what there is room for; says how much that is. Public for tests.
    ///
    /// # Errors
    /// When Postgres or Redis is away: what was written is queued later.
    pub async fn reanalyse(&self) -> Result<u64, ReconcileError> {
        let mut queued = 0;
        for function in db::answered(reanalyses::all_open(&self.db)).await? {
            for _ in 0..PAGES {
                let Some(tasks) = db::answered(self.reanalyse_page(&function)).await? else {
                    break;
                };
                if tasks.is_empty() {
                    continue;
                }
                queued += count(tasks.len());
                self.queue.enqueue(&tasks).await?;
                let ids: Vec<TaskId> = tasks.iter().map(|entry| entry.task).collect();
                db::answered(submit::queued(&self.db, &ids)).await?;
            }
        }
        Ok(queued)
    }

    /// Looks at a page of reports, and writes tasks for what is due; `None` where there is
    /// nothing to look at, or no room.
    async fn reanalyse_page(&self, function: &str) -> Result<Option<Vec<Entry>>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let Some(one) = reanalyses::open(&mut transaction, function).await? else {
            return Ok(None);
        };
        let unfinished = reanalyses::unfinished(&mut *transaction).await?;
        let room = i64::from(self.reanalyses.open) - unfinished;
        let room = one.most.map_or(room, |most| room.min(most - one.queued));
        if room <= 0 || !reanalyses::is_run(&mut transaction, &one).await? {
            return Ok(None);
        }
        let looked = reanalyses::look(&mut transaction, &one, room).await?;
        let key = reanalyses::system_key(&mut transaction).await?;
        let due: Vec<NewTask> = looked
            .due
            .iter()
            .filter_map(|due| self.task(key, due))
            .collect();
        // No report is young enough: they were all made without the component.
        let never = Reuse {
            max_age: Duration::ZERO,
        };
        let submitted = submit::submit_in(&mut transaction, &due, never).await?;
        let created: Vec<Entry> = submitted
            .into_iter()
            .filter_map(|one| match one {
                Submitted::Created(task) => Some(Entry {
                    task,
                    key,
                    priority: Priority::BACKGROUND,
                }),
                _ => None,
            })
            .collect();
        let queued = i64::try_from(created.len()).unwrap_or(i64::MAX);
        reanalyses::move_on(&mut transaction, one.id, &looked, queued).await?;
        transaction.commit().await?;
        Ok(Some(created))
    }

    fn task(&self, key: KeyId, due: &Due) -> Option<NewTask> {
        let purl: Purl = match due.purl.parse() {
            Ok(purl) => purl,
            Err(error) => {
                tracing::warn!(%error, purl = due.purl, "a report's purl is none");
                return None;
            }
        };
        Some(NewTask {
            key,
            idempotency: None,
            purl: due.purl.clone(),
            requested_purl: requested(due),
            ecosystem: purl.ecosystem().as_str().to_owned(),
            namespace: purl.namespace().map(str::to_owned),
            name: purl.name().to_owned(),
            version: purl.version().map(str::to_owned),
            upload: None,
            pinned: None,
            priority: Priority::BACKGROUND,
            timeout: self.reanalyses.timeout,
            max_attempts: i32::try_from(self.reanalyses.max_attempts).unwrap_or(i32::MAX),
            request_id: None,
            traceparent: None,
        })
    }
}

/// The purl in the letter case in which somebody asked for it, which some registries tell
/// apart, and with the version that was analysed.
fn requested(due: &Due) -> String {
    let parts = |purl: &str| {
        let at = purl.find(['?', '#']).unwrap_or(purl.len());
        (purl[..at].to_owned(), purl[at..].to_owned())
    };
    let spelled = due.requested_purl.as_deref().and_then(|written| {
        if written.parse::<Purl>().ok()?.version().is_some() {
            return Some(written.to_owned());
        }
        let (canonical, _) = parts(&due.purl);
        let (_, version) = canonical.rsplit_once('@')?;
        let (name, rest) = parts(written);
        Some(format!("{name}@{version}{rest}"))
    });
    let same = |text: &String| {
        text.parse::<Purl>()
            .is_ok_and(|purl| purl.to_string() == due.purl)
    };
    spelled.filter(same).unwrap_or_else(|| due.purl.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_pinned_and_the_letter_case_kept() {
        for (purl, written, expected) in [
            (
                "pkg:npm/jsonstream@1.3.5",
                Some("pkg:npm/JSONStream"),
                "pkg:npm/JSONStream@1.3.5",
            ),
            (
                "pkg:npm/jsonstream@1.3.5",
                Some("pkg:npm/JSONStream@1.3.5"),
                "pkg:npm/JSONStream@1.3.5",
            ),
            (
                "pkg:npm/%40babel/core@7.0.0?a=b",
                Some("pkg:npm/%40babel/core?a=b"),
                "pkg:npm/%40babel/core@7.0.0?a=b",
            ),
            // Another package, or none.
            ("pkg:npm/a@1", Some("pkg:npm/b@1"), "pkg:npm/a@1"),
            ("pkg:npm/a@1", Some("nonsense"), "pkg:npm/a@1"),
            ("pkg:npm/a@1", None, "pkg:npm/a@1"),
        ] {
            let due = Due {
                id: 1,
                purl: purl.into(),
                requested_purl: written.map(Into::into),
            };
            assert_eq!(requested(&due), expected, "{written:?}");
        }
    }
}
