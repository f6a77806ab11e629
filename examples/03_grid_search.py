"""The network of the second example, its settings searched by brute force.

A grid search trains it for every combination of optimizer, epochs and batch size, five times each: on four fifths of
the training rows, judged on the fifth that was left out. That is 60 trainings, and one more with the best settings.
The class is scikit-learn's but for its import, and trains fewer: what is asked for 5, 10 and 15 epochs is one training,
looked at three times.
"""

import time

import numpy as np
from tables import beans

from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential
from tabgrad.search import GridSearchCV
from tabgrad.wrappers.scikit_learn import KerasClassifier

X_train, X_test, y_train, y_test = beans()
n_features = X_train.shape[1]


def create_model(optimizer="rmsprop"):
    """Return the network, compiled with the optimizer that the search is trying."""
    model = Sequential()
    model.add(Dense(64, activation="relu", input_dim=n_features))
    model.add(Dropout(0.5))
    model.add(Dense(64, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(7, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


model = KerasClassifier(build_fn=create_model, verbose=0)
param_grid = dict(optimizer=["rmsprop", "adam"], epochs=[5, 10, 15], batch_size=[32, 128])
grid = GridSearchCV(estimator=model, param_grid=param_grid)
start = time.perf_counter()
grid.fit(X_train.values, y_train.values)
seconds = time.perf_counter() - start

results = grid.cv_results_
print("accuracy on the fold left out, mean and deviation over five folds")
for place in np.argsort(results["rank_test_score"]):
    mean, deviation = results["mean_test_score"][place], results["std_test_score"][place]
    print(f"{mean:.4f} ± {deviation:.4f}  {results['params'][place]}")
print(f"{seconds:.1f} s for {len(results['params'])} candidates, 5 folds each")
print("best", grid.best_params_)
print("test accuracy", round(grid.score(X_test.values, y_test.values), 4))
