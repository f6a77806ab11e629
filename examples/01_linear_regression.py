"""Linear regression as a network of one linear unit: the strength of concrete from its mixture and age.

The unit predicts y = x·w + b. Adam lowers the squared error one row at a time, and its weights arrive at those of
least squares, which scikit-learn finds in one piece: the last lines put the two side by side.
"""

import numpy as np
from sklearn.linear_model import LinearRegression
from tables import concrete

from tabgrad.layers import Dense
from tabgrad.models import Sequential
from tabgrad.optimizers import Adam

X_train, X_test, y_train, y_test = concrete()
n_features = X_train.shape[1]

model = Sequential()
model.add(Dense(1, input_dim=n_features, activation="linear", use_bias=True))
# squared error for the loss, Adam for the gradient steps
model.compile(loss="mean_squared_error", optimizer=Adam(learning_rate=0.01))
history = model.fit(X_train.values, y_train.values, epochs=300, batch_size=1, verbose=0, validation_split=0)

losses = history.history["loss"]
for epoch in (1, 10, 30, 100, 300):
    print(f"epoch {epoch:3d}: mean squared error {losses[epoch - 1]:8.2f}")

weights, bias = model.get_weights()
exact = LinearRegression().fit(X_train.values, y_train.values)
print(f"\n{'':20s}  network  least squares")
for name, learned, solution in zip(X_train.columns, weights.ravel(), exact.coef_, strict=True):
    print(f"{name:20s} {learned:8.2f} {solution:14.2f}")
print(f"{'bias':20s} {bias[0]:8.2f} {exact.intercept_:14.2f}")

predicted = model.predict(X_test.values).ravel()
network_error = np.mean((predicted - y_test.values) ** 2)
exact_error = np.mean((exact.predict(X_test.values) - y_test.values) ** 2)
print(f"{'test squared error':20s} {network_error:8.2f} {exact_error:14.2f}")
