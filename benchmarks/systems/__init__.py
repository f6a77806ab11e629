"""The systems that are measured, one file each; their functions are tasks that worker.py runs in a fresh process."""
