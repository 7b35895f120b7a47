use super::*; pub(super) async fn resolve(_c: &Context<'_>, purl: &Purl) -> Result<Release, FetchError> { Err(not_found(purl)) }
