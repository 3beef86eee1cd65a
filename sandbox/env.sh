# shellcheck shell=bash
# The environment of the sandbox, for bash: `. sandbox/env.sh`. Sets variables only, starts nothing.
#
# Set before, these move it elsewhere:
#   PULUMI_TALOS_OPENSTACK_CACHE    what is built, shared by all checkouts
#   PULUMI_TALOS_OPENSTACK_SANDBOX  the state of one sandbox: programs, plugins, cloud
#   PULUMI_TALOS_OPENSTACK_BACKEND  folder of the Pulumi stacks

export PULUMI_TALOS_OPENSTACK_CACHE="${PULUMI_TALOS_OPENSTACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-talos-openstack}"
export PULUMI_TALOS_OPENSTACK_SANDBOX="${PULUMI_TALOS_OPENSTACK_SANDBOX:-${XDG_STATE_HOME:-$HOME/.local/state}/pulumi-talos-openstack/sandbox}"
export PULUMI_TALOS_OPENSTACK_BACKEND="${PULUMI_TALOS_OPENSTACK_BACKEND:-$PULUMI_TALOS_OPENSTACK_SANDBOX/stacks}"

case ":$PATH:" in
  *":$PULUMI_TALOS_OPENSTACK_SANDBOX/bin:"*) ;;
  *) export PATH="$PULUMI_TALOS_OPENSTACK_SANDBOX/bin:$PATH" ;;
esac

export PULUMI_HOME="$PULUMI_TALOS_OPENSTACK_SANDBOX/pulumi"
# Without the files of metadata: one that a killed update had half written would make the state unreadable.
export PULUMI_BACKEND_URL="file://$PULUMI_TALOS_OPENSTACK_BACKEND?metadata=skip"
# For the sandbox only: stacks of real clusters hold real keys, so choose a passphrase or a key service of your own there.
export PULUMI_CONFIG_PASSPHRASE=sandbox
unset PULUMI_CONFIG_PASSPHRASE_FILE
export PULUMI_SKIP_UPDATE_CHECK=true
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true

# The tenant. Whatever points at another cloud is dropped, so that nothing here can touch it.
for variable in ${!OS_@}; do unset "$variable"; done
unset variable
export OS_AUTH_URL=http://127.0.0.1:5000/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne
export OS_USERNAME=demo OS_PASSWORD=demo OS_PROJECT_NAME=demo
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
