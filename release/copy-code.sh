#!/bin/sh
# Copies the code of the functions to a bucket in each Region. It needs only the AWS CLI.
set -eu
version=development # the release that this file belongs to

usage() {
  cat <<END
Copy the code of ecr-pull-policy $version to a bucket in each Region, and print the
commands that deploy it. Run this script in the directory with the files of the release.

Usage: sh copy-code.sh [--organization o-a1b2c3d4e5] NAME REGION...

The bucket in each Region is NAME-REGION. The script creates it unless it exists in
your account. With --organization, all accounts of the organization can read the code,
as StackSets require.
END
}

fail() {
  echo "copy-code.sh: $1" >&2
  exit 1
}

organization=
case ${1-} in
  -h | --help) usage; exit ;;
  --organization) organization=${2-}; shift 2 || { usage >&2; exit 2; } ;;
esac
case $organization in
  '' | o-[a-z0-9]*) ;;
  *) fail "\"$organization\": invalid organization ID; expected an ID such as o-a1b2c3d4e5" ;;
esac
[ $# -ge 2 ] || { usage >&2; exit 2; }
name=$1
shift
for file in onrepo_"$version"_*.zip onaccount_"$version"_*.zip template.yaml; do
  [ -f "$file" ] || fail "$file is missing; run this script in the directory with the files of the release"
done

caller=$(aws sts get-caller-identity --query '[Account, Arn]' --output text)
account=$(echo "$caller" | cut -f 1)
partition=$(echo "$caller" | cut -f 2 | cut -d : -f 2)

for region; do
  bucket=$name-$region
  if ! aws s3api head-bucket --region "$region" --bucket "$bucket" --expected-bucket-owner "$account" >/dev/null 2>&1; then
    aws s3 mb --region "$region" "s3://$bucket"
  fi
  if [ -n "$organization" ]; then
    policy="{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"ReadCode\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"arn:$partition:s3:::$bucket/*\",\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"$organization\"}}}]}"
    present=$(aws s3api get-bucket-policy --region "$region" --bucket "$bucket" --query Policy --output text 2>/dev/null) || present=
    case $present in # a policy of your own isn't replaced
      '') aws s3api put-bucket-policy --region "$region" --bucket "$bucket" --policy "$policy" ;;
      *"$organization"*) ;;
      *) fail "$bucket has a policy that doesn't name $organization; add this statement to it, and run the script again: $policy" ;;
    esac
  fi
  for zip in onrepo_"$version"_*.zip onaccount_"$version"_*.zip; do
    aws s3 cp --region "$region" --only-show-errors "$zip" "s3://$bucket/$zip"
  done
  echo "copied the code to $bucket"
done

if [ -z "$organization" ]; then
  printf '\nTo deploy, run:\n\n'
  for region; do
    cat <<END
aws cloudformation deploy --region $region --stack-name ecr-pull-policy --template-file template.yaml \\
  --capabilities CAPABILITY_IAM --parameter-overrides CodeBucket=$name
END
  done
  exit
fi
cat <<END

To deploy, run these commands in the management account. In a delegated administrator account, add
--call-as DELEGATED_ADMIN to both. Replace OU with the ID of an organizational unit or of the root.

aws cloudformation create-stack-set --stack-set-name ecr-pull-policy --template-body file://template.yaml \\
  --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false \\
  --capabilities CAPABILITY_IAM --parameters ParameterKey=CodeBucket,ParameterValue=$name
aws cloudformation create-stack-instances --stack-set-name ecr-pull-policy \\
  --deployment-targets OrganizationalUnitIds=OU --regions $*
END
