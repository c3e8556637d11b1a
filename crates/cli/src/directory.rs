//! `doorward directory`: instances of the server's local directory. Users, roles and keys are managed by `aws iam`; for
//! instances it has no operation, because in AWS they are EC2's.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::aws::AwsArgs;
use crate::doorward_api::{DoorwardApi, Instance, aws_client};
use crate::error::CliError;
use crate::output::{OutputArgs, print, print_line};
use crate::replicas::WaitArgs;
use crate::table::Table;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  doorward directory add-instance --instance-id i-0123456789abcdef0 --role node-role --private-dns-name ip-10-0-0-1.internal
  doorward directory list-instances -o json
  doorward directory remove-instance --instance-id i-0123456789abcdef0";

/// What to do with instances.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct DirectoryArgs {
    #[command(subcommand)]
    verb: DirectoryVerb,
}

#[derive(Debug, Subcommand)]
enum DirectoryVerb {
    /// Add an instance, or replace the one of that id.
    AddInstance {
        /// Its id: `i-` and 17 hexadecimal digits. The session of its role has it as its name.
        #[arg(long, value_name = "ID")]
        instance_id: String,
        /// The name of the role that it runs with, which must exist.
        #[arg(long, value_name = "NAME")]
        role: String,
        /// Its private DNS name, which becomes the node's name.
        #[arg(long, value_name = "NAME")]
        private_dns_name: String,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        aws: AwsArgs,
    },
    /// List the instances.
    ListInstances {
        #[command(flatten)]
        output: OutputArgs,
        #[command(flatten)]
        aws: AwsArgs,
    },
    /// Remove an instance.
    RemoveInstance {
        /// Its id.
        #[arg(long, value_name = "ID")]
        instance_id: String,
        #[command(flatten)]
        wait: WaitArgs,
        #[command(flatten)]
        aws: AwsArgs,
    },
}

/// Does it.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub(crate) async fn run(args: DirectoryArgs, talk: Talk) -> Result<ExitCode, CliError> {
    match args.verb {
        DirectoryVerb::AddInstance { instance_id, role, private_dns_name, wait, aws } => {
            let client = aws_client(&aws)?;
            DoorwardApi(&client).put_instance(&instance_id, &role, &private_dns_name).await?;
            wait.wait(&client, talk).await?;
            print_line(&instance_id)?;
            talk.note(format_args!("sessions of `{role}` named `{instance_id}` are the node `{private_dns_name}` now"));
        }
        DirectoryVerb::ListInstances { output, aws } => {
            let client = aws_client(&aws)?;
            print(output.output, &DoorwardApi(&client).instances().await?, |instances| table(instances))?;
        }
        DirectoryVerb::RemoveInstance { instance_id, wait, aws } => {
            let client = aws_client(&aws)?;
            DoorwardApi(&client).delete_instance(&instance_id).await?;
            wait.wait(&client, talk).await?;
            talk.note(format_args!("removed the instance `{instance_id}`"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(instances: &[Instance]) -> Table {
    let mut table = Table::new(["INSTANCE", "ROLE ID", "PRIVATE DNS NAME", "ACCOUNT"]);
    for Instance { id, account, role_id, private_dns_name } in instances {
        table.row([id, role_id, private_dns_name, account].map(Clone::clone));
    }
    table
}
