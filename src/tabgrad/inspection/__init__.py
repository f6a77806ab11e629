"""What a fitted estimator makes of its columns: how much it needs each, and what it says as one of them changes.

Columns are those of the table as it was given, whatever they become inside: a category is permuted and varied as one
column, however many features stand for it.
"""

from tabgrad.inspection.dependence import PartialDependence, partial_dependence
from tabgrad.inspection.importance import PermutationImportance, permutation_importance

__all__ = ["PartialDependence", "PermutationImportance", "partial_dependence", "permutation_importance"]
