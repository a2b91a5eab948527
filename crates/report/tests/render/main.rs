//! Reports as users see them: exact text of each renderer for small reports made by hand.

mod discovery;
mod fixture;
mod grid;
mod human;
mod json;
mod loads;
mod markdown;
mod timeline;
