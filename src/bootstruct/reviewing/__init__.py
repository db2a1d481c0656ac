"""The review page: people judge a run's tasks, rate models' answers blind, and watch a run grow."""
