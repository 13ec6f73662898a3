package cost

// Prices of us-east-1 in US dollars, without the free tiers, as of November 2026.
const (
	perInvocation = 0.20 / 1e6   // https://aws.amazon.com/lambda/pricing/
	perGBSecond   = 0.0000133334 // arm64; the same page
	perSQSCall    = 0.40 / 1e6   // https://aws.amazon.com/sqs/pricing/
	perEvent      = 1.00 / 1e6   // https://aws.amazon.com/eventbridge/pricing/
	perLogByte    = 0.50 / 1e9   // https://aws.amazon.com/cloudwatch/pricing/
	perKeptByte   = 0.03 / 1e9   // a month; the same page
	perMetric     = 0.30         // the same page
	perAlarm      = 0.10         // for each metric that an alarm is on; the same page
	perDashboard  = 3.00         // the same page
	months        = 3            // that logs are kept, by LogRetentionDays' default
	metrics       = 17           // at most: those without figures cost nothing
	alarmMetrics  = 22           // in template.yaml
	dashboards    = 1            // in template.yaml
)
