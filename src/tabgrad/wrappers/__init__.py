"""The names that scripts from Keras and SciKeras expect: `tabgrad.wrappers.scikit_learn`.

Nothing here is loaded by ``import tabgrad``: scikit-learn comes with the wrappers alone.
"""
