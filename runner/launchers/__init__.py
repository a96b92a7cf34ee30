"""Writes what starts a lock on a cluster: a script for Slurm, a manifest, a task."""
