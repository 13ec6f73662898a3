package telemetry

import (
	"context"
	"log/slog"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
)

// LogList writes a line for each thing worth knowing about an account list: that its newest version cannot be used
// and what stands in for it, and the notices about the version that is used.
func LogList(ctx context.Context, log *slog.Logger, list accountlist.List) {
	if list.Problem != nil {
		log.LogAttrs(ctx, slog.LevelError, "account list cannot be used: it grants and revokes nothing",
			slog.String("list", list.Name),
			slog.Int64("version", list.Version),
			slog.Int64("inUse", list.InUse), // 0: no version
			slog.String("error", list.Problem.Error()))
	}
	for _, notice := range list.Notices {
		log.LogAttrs(ctx, slog.LevelWarn, "account list",
			slog.String("list", list.Name),
			slog.Int64("version", list.InUse),
			slog.String("notice", notice))
	}
}
