"""Lay the network out in memory: execution order, tiles, scratch and arena offsets, to the byte."""

from microlut.plan.goal import DEFAULT_CORE, Goal, Optimize
from microlut.plan.layout import Plan, Step, make_plan

__all__ = ["DEFAULT_CORE", "Goal", "Optimize", "Plan", "Step", "make_plan"]
