package cost

// Prices in us-east-1 in US dollars, without the free tiers, as of November 2026, and the billed quantities that don't
// depend on the number of repositories.
const (
	perInvocation = 0.20 / 1e6   // https://aws.amazon.com/lambda/pricing/
	perGBSecond   = 0.0000133334 // arm64; the same page
	perSQSCall    = 0.40 / 1e6   // https://aws.amazon.com/sqs/pricing/
	perEvent      = 1.00 / 1e6   // https://aws.amazon.com/eventbridge/pricing/
	perLogByte    = 0.50 / 1e9   // https://aws.amazon.com/cloudwatch/pricing/
	perKeptByte   = 0.03 / 1e9   // per month; the same page
	perMetric     = 0.30         // per month, prorated by the hours in which the metric has data; the same page
	perAlarm      = 0.10         // for each metric that an alarm uses; the same page
	keptMonths    = 3            // retention of the logs: the default of LogRetentionDays
	alarmMetrics  = 22           // metrics that the alarms in template.yaml use
	hoursInMonth  = 30.4 * 24
)
