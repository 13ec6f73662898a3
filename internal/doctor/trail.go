package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// TrailAPI has the CloudTrail operations that the checks use.
type TrailAPI interface {
	DescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput, ...func(*cloudtrail.Options)) (*cloudtrail.DescribeTrailsOutput, error)
	GetTrailStatus(context.Context, *cloudtrail.GetTrailStatusInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetTrailStatusOutput, error)
	GetEventSelectors(context.Context, *cloudtrail.GetEventSelectorsInput, ...func(*cloudtrail.Options)) (*cloudtrail.GetEventSelectorsOutput, error)
}

// trail checks for a trail that logs ECR calls in this Region. Without one, EventBridge receives no events about them:
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
func (d *Doctor) trail(ctx context.Context, p parts) Finding {
	const subject = "trail"
	described, err := d.CloudTrail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return unknown(subject, "cloudtrail:DescribeTrails", err)
	}
	var reasons []string
	var unchecked error
	for _, trail := range described.TrailList {
		name := aws.ToString(trail.Name)
		if aws.ToString(trail.HomeRegion) != d.Standard.Registry.Region && !aws.ToBool(trail.IsMultiRegionTrail) {
			continue
		}
		reason, err := d.whyNot(ctx, trail)
		switch {
		case awsclient.Unanswered(err):
			return unknown(subject, "cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors", err)
		case err != nil: // member accounts of an organization can't always read its trail
			unchecked = err
			reasons = append(reasons, fmt.Sprintf("%s can't be checked", name))
		case reason != "":
			reasons = append(reasons, name+" "+reason)
		default:
			return ok(subject, "%s logs management events in %s", name, d.Standard.Registry.Region)
		}
	}
	message := fmt.Sprintf("no trail logs management events in %s, so the stack receives no events about new repositories and changed policies", d.Standard.Registry.Region)
	if len(reasons) > 0 {
		message += " (" + strings.Join(reasons, "; ") + ")"
	}
	const remedy = "configure a trail to log management events (write or all): https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-create-and-update-a-trail.html"
	switch {
	case unchecked != nil:
		return warning(subject, "ask the owner of the trail, or use credentials that allow cloudtrail:GetTrailStatus and cloudtrail:GetEventSelectors",
			"no trail is known to log management events in %s: %s (%s)", d.Standard.Registry.Region, strings.Join(reasons, "; "), awsclient.ErrorText(unchecked))
	case p.known && p.pushEvents:
		return warning(subject, remedy, "%s; image pushes and the schedule still start checks", message)
	}
	return problem(subject, remedy, "%s", message)
}

// whyNot returns the reason why a trail doesn't log write calls to ECR, or "" if it does.
func (d *Doctor) whyNot(ctx context.Context, trail types.Trail) (string, error) {
	status, err := d.CloudTrail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: trail.TrailARN})
	if err != nil {
		return "", err
	}
	if !aws.ToBool(status.IsLogging) {
		return "isn't logging", nil
	}
	selectors, err := d.CloudTrail.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: trail.TrailARN})
	if err != nil {
		return "", err
	}
	if !logsWrites(selectors) {
		return "doesn't include write calls to ECR", nil
	}
	return "", nil
}

// logsWrites reports whether the selectors of a trail include write calls to ECR. A trail without selectors logs all
// management events:
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html
func logsWrites(selectors *cloudtrail.GetEventSelectorsOutput) bool {
	if len(selectors.EventSelectors) == 0 && len(selectors.AdvancedEventSelectors) == 0 {
		return true
	}
	return slices.ContainsFunc(selectors.EventSelectors, func(s types.EventSelector) bool {
		includes := s.IncludeManagementEvents == nil || *s.IncludeManagementEvents
		return includes && s.ReadWriteType != types.ReadWriteTypeReadOnly
	}) || slices.ContainsFunc(selectors.AdvancedEventSelectors, includesWrites)
}

// includesWrites reports whether an advanced selector includes write calls to ECR.
func includesWrites(s types.AdvancedEventSelector) bool {
	isManagement := false
	for _, f := range s.FieldSelectors {
		switch aws.ToString(f.Field) {
		case "eventCategory":
			isManagement = includes(f, "Management")
		case "readOnly":
			if !includes(f, "false") {
				return false
			}
		case "eventSource":
			if !includes(f, "ecr.amazonaws.com") {
				return false
			}
		case "eventName":
			if !includes(f, "CreateRepository") {
				return false
			}
		}
	}
	return isManagement
}

// includes reports whether a field selector includes a value: the value matches one of the positive conditions, if
// there are any, and none of the negative ones.
func includes(f types.AdvancedFieldSelector, value string) bool {
	is := func(v string) bool { return v == value }
	starts := func(v string) bool { return strings.HasPrefix(value, v) }
	ends := func(v string) bool { return strings.HasSuffix(value, v) }
	wants := len(f.Equals) + len(f.StartsWith) + len(f.EndsWith)
	matches := slices.ContainsFunc(f.Equals, is) || slices.ContainsFunc(f.StartsWith, starts) || slices.ContainsFunc(f.EndsWith, ends)
	excluded := slices.ContainsFunc(f.NotEquals, is) || slices.ContainsFunc(f.NotStartsWith, starts) || slices.ContainsFunc(f.NotEndsWith, ends)
	return (wants == 0 || matches) && !excluded
}
