//! The form that selects some of the nodes.

use isems_insight::{FindingCode, Snapshot};
use maud::{Markup, html};

use super::filter::{Condition, Filter, Order};
use crate::{viewer::Viewer, words::capital};

/// Draws the form of the page at a path. Only the overview has an order.
pub(super) fn form(viewer: &Viewer, snapshot: &Snapshot, filter: &Filter, path: &str) -> Markup {
    let texts = viewer.pages();
    let occurs = |code: &FindingCode| {
        let mut assessments = snapshot.nodes.iter().filter_map(|node| node.assessment.as_ref());
        filter.finding == Some(*code) || assessments.any(|assessment| assessment.finding(*code).is_some())
    };
    let title = |code| capital((viewer.texts().finding)(code).title);
    html! {
        form.filter role="search" method="get" action=(viewer.href(path)) {
            label { (texts.search) input type="search" name="q" value=(filter.text) autocomplete="off"; }
            label {
                (texts.condition)
                select name="condition" {
                    option value="" { (texts.any) }
                    @for condition in Condition::ALL {
                        option value=(condition.name()) selected[filter.condition == Some(condition)] { ((texts.condition_name)(condition)) }
                    }
                }
            }
            label {
                (texts.finding)
                select name="finding" {
                    option value="" { (texts.any) }
                    @for code in FindingCode::ALL.into_iter().filter(occurs) {
                        option value=(code.name()) selected[filter.finding == Some(code)] { (title(code)) }
                    }
                }
            }
            @if path == "/" {
                label {
                    (texts.order)
                    select name="sort" {
                        @for order in Order::ALL {
                            option value=(order.name()) selected[filter.order == order] { ((texts.order_name)(order)) }
                        }
                    }
                }
            }
            button { (texts.apply) }
        }
    }
}
