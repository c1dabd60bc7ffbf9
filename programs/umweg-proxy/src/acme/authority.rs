//! One order at a certificate authority, from the account to the certificate.

use std::io;
use std::path::PathBuf;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    Problem, RetryPolicy,
};
use serde_json::{Value, json};
use umweg_io::config::write_secret;
use umweg_io::tls::{Answering, Certificate, CertificateProblem, Live};

/// What begins every problem type (RFC 8555, section 6.7).
const PROBLEM: &str = "urn:ietf:params:acme:error:";

/// Where certificates for a name come from.
pub(super) struct Authority {
    pub(super) domain: String,
    pub(super) directory: String,
    /// Vouches for the directory, where the system does not know it.
    pub(super) root: Option<PathBuf>,
    pub(super) account_file: PathBuf,
}

/// Why there is no certificate. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "the certificate authority cannot be reached: is --acme-directory right, may this host connect out, and is its clock right?"
    )]
    Unreachable,
    #[error(
        "the certificate authority did not find this proxy under its name ({0}): do the name's A and AAAA records lead to this host \
         and to no other, and is port 443 open from outside?"
    )]
    NotFound(String),
    #[error("the name's CAA record does not let this authority certify it: change the record, or use another --acme-directory.")]
    Forbidden,
    #[error("the certificate authority wants no more requests for this name for some time.")]
    TooOften,
    #[error("the certificate authority refuses: {0}.")]
    Refused(String),
    #[error("the certificate authority takes too long.")]
    Slow,
    #[error("the certificate authority does not offer to ask on port 443 (TLS-ALPN-01): use another one, or --cert and --key.")]
    OtherWays,
    #[error("the account's file {0} is damaged: delete it, and a new account is made.")]
    DamagedAccount(PathBuf),
    #[error("the authority's certificate {0} (--acme-ca) cannot be read.")]
    NoRoot(PathBuf),
    #[error("it cannot be stored ({0}): is there space, and may this user write to --data?")]
    NotStored(io::Error),
    #[error("it cannot be used: {0}.")]
    Unusable(#[from] CertificateProblem),
}

impl Authority {
    /// The new certificate's chain and key, in PEM. While the authority asks, `live` answers.
    pub(super) async fn order(&self, live: &Live) -> Result<String, Refusal> {
        let account = self.account().await?;
        let name = [Identifier::Dns(self.domain.clone())];
        let mut order = account.new_order(&NewOrder::new(&name)).await?;
        let answering = self.answer(&mut order, live).await?;
        let status = order.poll_ready(&RetryPolicy::default()).await;
        drop(answering);
        match status {
            Ok(OrderStatus::Ready) => {}
            Ok(_) | Err(Error::Api(_)) => return Err(why(&mut order).await),
            Err(error) => return Err(error.into()),
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&RetryPolicy::default()).await?;
        Ok(format!("{chain}\n{key}"))
    }

    /// Ready for the authority's question, and tells it so.
    async fn answer(&self, order: &mut Order, live: &Live) -> Result<Option<Answering>, Refusal> {
        let mut answering = None;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            // The authority remembers for a while that the name is ours.
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization.challenge(ChallengeType::TlsAlpn01).ok_or(Refusal::OtherWays)?;
            let answer = Certificate::for_challenge(&self.domain, challenge.key_authorization().digest().as_ref())?;
            answering = Some(live.answer(&answer)?);
            challenge.set_ready().await?;
        }
        Ok(answering)
    }

    async fn account(&self) -> Result<Account, Refusal> {
        // Which cryptography the library takes is a matter of the process.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let builder = match &self.root {
            Some(root) => Account::builder_with_root(root).map_err(|_| Refusal::NoRoot(root.clone()))?,
            None => Account::builder()?,
        };
        if let Some(credentials) = self.stored_account()? {
            return Ok(builder.from_credentials(credentials).await?);
        }
        let wish = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&wish, self.directory.clone(), None).await?;
        let stored = json!({ "directory": self.directory, "account": credentials });
        write_secret(&self.account_file, stored.to_string().as_bytes()).map_err(Refusal::NotStored)?;
        Ok(account)
    }

    /// An account at another authority is of no use here.
    fn stored_account(&self) -> Result<Option<AccountCredentials>, Refusal> {
        let damaged = || Refusal::DamagedAccount(self.account_file.clone());
        let read = match std::fs::read(&self.account_file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|_| damaged())?,
        };
        let mut stored: Value = serde_json::from_slice(&read).map_err(|_| damaged())?;
        if stored["directory"] != self.directory {
            return Ok(None);
        }
        serde_json::from_value(stored["account"].take()).map(Some).map_err(|_| damaged())
    }
}

/// What the authority found when it asked; the order itself says only that it failed.
async fn why(order: &mut Order) -> Refusal {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        if let Some(problem) = authorization.challenges.iter().find_map(|challenge| challenge.error.clone()) {
            return problem.into();
        }
    }
    Refusal::Refused("the order failed".to_owned())
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        match kind.trim_start_matches(PROBLEM) {
            "rateLimited" => Self::TooOften,
            "caa" => Self::Forbidden,
            found @ ("dns" | "connection" | "tls" | "unauthorized" | "incorrectResponse") => Self::NotFound(found.to_owned()),
            other => Self::Refused(other.to_owned()),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::debug!(error = ?error, "asking the certificate authority failed");
        match error {
            Error::Api(problem) => problem.into(),
            Error::Timeout(_) => Self::Slow,
            Error::Http(_) | Error::Hyper(_) | Error::InvalidUri(_) | Error::Other(_) => Self::Unreachable,
            Error::Json(_) | Error::Unsupported(_) | Error::Str(_) => {
                Self::Refused("its answers are not those of an ACME server".to_owned())
            }
            _ => Self::Refused("cryptography failed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_type_is_told_in_words() {
        let said = |kind: &str| {
            let problem = Problem { r#type: Some(format!("{PROBLEM}{kind}")), detail: None, status: None, subproblems: Vec::new() };
            Refusal::from(problem).to_string()
        };
        assert!(said("connection").contains("is port 443 open from outside?"));
        assert!(said("dns").contains("A and AAAA records"));
        assert!(said("caa").contains("CAA record"));
        assert!(said("rateLimited").contains("no more requests"));
        assert!(said("malformed").ends_with("refuses: malformed."));
    }
}
