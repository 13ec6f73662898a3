package telemetry

import (
	"context"
	"log/slog"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
)

// LogList writes a line if the newest version of an account list can't be used, with the version that is used instead,
// and a line for each notice about the version in use.
func LogList(ctx context.Context, log *slog.Logger, list accountlist.List) {
	if list.Problem != nil {
		log.LogAttrs(ctx, slog.LevelError, "account list cannot be used",
			slog.String("list", list.Name),
			slog.Int64("version", list.Version),
			slog.Int64("inUse", list.InUse), // 0 for none
			slog.String("error", list.Problem.Error()))
	}
	for _, notice := range list.Notices {
		log.LogAttrs(ctx, slog.LevelWarn, "account list entry ignored",
			slog.String("list", list.Name),
			slog.Int64("version", list.InUse),
			slog.String("notice", notice))
	}
}
